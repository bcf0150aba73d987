"""What a reader finds on the page of a report, and beside another one."""

from __future__ import annotations

import pytest

from accounts.models import Role
from retrospectives import actions
from retrospectives.composition import compose
from retrospectives.files import read_rows
from retrospectives.models import Report
from retrospectives.tests.conftest import sprint

pytestmark = pytest.mark.django_db


def made(first: int, last: int) -> Report:
    rows, _ = read_rows([sprint(number) for number in range(first, last + 1)])
    actions.keep(rows, source="file")
    wanted = [row.sprint_id for row in rows]
    return actions.keep_report(compose(actions.chosen(ids=wanted)), team="", task=None, by="mara", tried=())


def test_evidence_leads_to_its_chart(person):
    report = made(1, 12)
    page = person(Role.VIEWER).get(report.get_absolute_url()).text
    metrics = {each["metric"] for one in report.content["hypotheses"] for each in one["evidence"]}
    assert metrics
    for metric in metrics:
        assert f'href="#chart-{metric}"' in page and page.count(f'id="chart-{metric}"') == 1


def test_the_mix_of_story_sizes_is_shown_where_all_three_are_known(person):
    rows, _ = read_rows([sprint(1), sprint(2, story_point_distribution={"small": 5}),
                         sprint(3, story_point_distribution={"small": 10, "medium": 10, "large": 20})])
    actions.keep(rows, source="file")
    content = compose(actions.chosen())
    assert [one["sprint"] for one in content["sizes"]] == ["Sprint 1", "Sprint 3"]
    assert content["sizes"][1] == {"sprint": "Sprint 3", "small": 25.0, "medium": 25.0, "large": 50.0}
    report = actions.keep_report(content, team="", task=None, by="mara", tried=())
    assert "25.0 %" in person(Role.VIEWER).get(report.get_absolute_url()).text


def test_two_reports_beside_each_other_say_what_got_worse(person):
    old, new = made(1, 6), made(7, 12)
    page = person(Role.VIEWER).get(f"/retrospectives/compare/?old={old.pk}&new={new.pk}").text
    row = page[page.index("Review time") :]
    row = " ".join(row[: row.index("</tr>")].split())
    assert "10.0 h" in row and "18.0 h" in row and "+8.0 h worse" in row
    assert person(Role.VIEWER).get("/retrospectives/compare/?old=x").status_code == 302
