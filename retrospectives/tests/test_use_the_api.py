"""Sprints, experiments and reports by the API."""

import pytest

from accounts.tests.api_client import error_of
from retrospectives import actions
from retrospectives.composition import compose
from retrospectives.files import read_rows
from retrospectives.tests.conftest import csv_of, sprint

pytestmark = pytest.mark.django_db


@pytest.fixture
def report():
    actions.keep(read_rows([sprint(number) for number in range(1, 11)])[0], source="file")
    return actions.keep_report(compose(actions.chosen()), team="", task=None, by="mara", tried=())


def test_a_sprint_is_entered_shown_and_deleted(api):
    made = api("operator").post("/api/sprints", sprint(1))
    assert made.status_code == 201
    one = made.json()
    assert (one["sprint_id"], one["values"]["points_small"]) == ("s-1", 12)
    assert api("viewer").get("/api/sprints").json()["items"] == [one]
    assert api("viewer").get("/api/sprints?team_id=Other").json()["items"] == []
    assert api("operator").delete(f"/api/sprints/{one['id']}").status_code == 204
    error_of(api("viewer").get(f"/api/sprints/{one['id']}"), 404)


@pytest.mark.parametrize(("wrong", "field"), [
    ({"team_happiness": 11}, "team_happiness"), ({"velocity": 1}, "velocity"), ({"end_date": "2025-01-01"}, "end_date"),
])
def test_what_is_wrong_with_a_sprint_is_said(api, wrong, field):
    assert error_of(api("operator").post("/api/sprints", sprint(1, **wrong)), 422)["field"] == field


def test_a_file_is_imported_and_its_wrong_rows_are_told(api):
    text = csv_of([sprint(1), sprint(2, team_happiness=12), sprint(3)])
    told = api("operator").post("/api/sprints/import", {"content": text, "team_id": "Harbour"}).json()
    assert (told["created"], [(one["row"], one["field"]) for one in told["errors"]]) == (2, [(2, "team_happiness")])
    assert error_of(api("operator").post("/api/sprints/import", {"content": "nothing"}), 422)["field"] == "file"


def test_an_experiment_is_begun_once_and_dropped(api, report):
    one = api("viewer").get("/api/experiments?state=proposed").json()["items"][0]
    path = f"/api/experiments/{one['id']}"
    assert error_of(api("operator").post(f"{path}/begin", {"owner": ""}), 422)["field"] == "owner"
    begun = api("operator").post(f"{path}/begin", {"owner": "mara"}).json()
    assert (begun["state"], begun["owner"]) == ("running", "mara")
    error_of(api("operator").post(f"{path}/begin", {"owner": "mara"}), 409)
    assert api("operator").post(f"{path}/drop").json()["state"] == "dropped"
    error_of(api("operator").post(f"{path}/drop"), 409)


def test_reports_are_compared_and_given_as_markdown(api, report):
    later = actions.keep_report(compose(actions.chosen(count=5)), team="", task=None, by="mara", tried=())
    rows = api("viewer").get(f"/api/reports/{report.pk}/comparison?to={later.pk}").json()["rows"]
    assert rows and all({"metric", "before", "after", "change", "better"} == set(row) for row in rows)
    assert api("viewer").get(f"/api/reports/{report.pk}/markdown").json()["markdown"].startswith("# ")
    error_of(api("viewer").get(f"/api/reports/{report.pk}/comparison?to=99999"), 404)
