"""Sprints in the admin site: by hand under the same rules as everywhere, and the way to the import."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.models import Role
from retrospectives import actions
from retrospectives.composition import compose
from retrospectives.files import read_rows
from retrospectives.models import Report, Sprint
from retrospectives.tests.conftest import sprint

pytestmark = pytest.mark.django_db
FIRST = {"team": "Harbour", "sprint_id": "1", "name": "First", "start_date": "2026-01-05", "end_date": "2026-01-16",
         "values": json.dumps({"team_happiness": 7.5, "bugs_prod": 3})}


@pytest.fixture
def admin(person) -> Client:
    return person(Role.ADMIN)


def test_a_sprint_is_added_and_changed(admin):
    assert admin.post("/admin/retrospectives/sprint/add/", FIRST).status_code == 302
    kept = Sprint.objects.get()
    assert (kept.source, kept.values) == ("hand", {"team_happiness": 7.5, "bugs_prod": 3})
    changed = {**FIRST, "values": json.dumps({"bugs_prod": 4})}
    assert admin.post(f"/admin/retrospectives/sprint/{kept.pk}/change/", changed).status_code == 302
    kept.refresh_from_db()
    assert kept.values == {"bugs_prod": 4} and Sprint.objects.count() == 1


@pytest.mark.parametrize(("wrong", "said"), [
    ({"values": json.dumps({"team_happiness": 11})}, "happiness goes from 0 to 10"),
    ({"values": json.dumps({"velocity": 3})}, "There is no field"),
    ({"values": "[1]"}, "must be an object"), ({"values": "{"}, "valid JSON"),
    ({"end_date": "2026-01-01"}, "before it begins"),
])
def test_what_is_wrong_is_said(admin, wrong, said):
    answer = admin.post("/admin/retrospectives/sprint/add/", {**FIRST, **wrong})
    assert answer.status_code == 200 and said in answer.text
    assert not Sprint.objects.exists()


def test_an_overlap_is_refused(admin):
    actions.enter({**sprint(1), "team_id": "Harbour", "sprint_id": "other"})
    answer = admin.post("/admin/retrospectives/sprint/add/", FIRST)
    assert answer.status_code == 200 and "overlaps" in answer.text
    assert Sprint.objects.count() == 1


def test_the_list_leads_to_the_import_and_reports_are_read_only(admin):
    assert '/sprints/import/"' in admin.get("/admin/retrospectives/sprint/").text
    actions.keep(read_rows([sprint(number) for number in range(1, 8)])[0], source="file")
    report = actions.keep_report(compose(actions.chosen()), team="", task=None, by="mara", tried=())
    for path in ("report/", f"report/{report.pk}/change/", "experiment/"):
        assert admin.get(f"/admin/retrospectives/{path}").status_code == 200, path
    assert admin.get("/admin/retrospectives/report/add/").status_code == 403
    assert admin.post(f"/admin/retrospectives/report/{report.pk}/change/", {"team": "x"}).status_code == 403
    pk = Sprint.objects.first().pk
    assert admin.post(f"/admin/retrospectives/sprint/{pk}/delete/", {"post": "yes"}).status_code == 302
    assert Sprint.objects.count() == 6 and Report.objects.count() == 1
