"""What Jira, GitHub and GitLab answer becomes sprints, synced as in a file."""

from __future__ import annotations

import json
from datetime import date

import pytest

from retrospectives.files import read_file, read_rows
from retrospectives.source import SourceError, fetch
from retrospectives.tests.conftest import Source

JIRA = {
    "contents": {
        "completedIssues": [{"key": "A-1"}, {"key": "A-2"}, {"key": "A-3"}],
        "issuesNotCompletedInCurrentSprint": [{"key": "A-4"}],
        "puntedIssues": [], "completedIssuesEstimateSum": {"value": 21.0, "text": "21.0"},
        "issuesNotCompletedEstimateSum": {"value": 5.0, "text": "5.0"}, "issueKeysAddedDuringSprint": {"A-3": True},
    },
    "sprint": {"id": 37, "name": "Sprint 1", "state": "CLOSED", "isoStartDate": "2026-01-05T09:00:00+0100",
               "isoEndDate": "2026-01-16T17:00:00+0100"},
}
GITHUB = {"number": 3, "title": "Sprint 3", "state": "closed", "created_at": "2026-02-02T08:00:00Z",
          "due_on": "2026-02-13T08:00:00Z", "closed_at": "2026-02-13T15:00:00Z", "open_issues": 2, "closed_issues": 9}
GITLAB = {"id": 12, "iid": 3, "title": "Sprint 3", "state": "closed", "start_date": "2026-02-02",
          "due_date": "2026-02-13"}


def only(item) -> object:
    (row,), faults = read_rows([item])
    assert faults == []
    return row


def test_a_sprint_report_of_jira():
    row = only(JIRA)
    assert (row.sprint_id, row.name, row.start, row.end) == ("37", "Sprint 1", date(2026, 1, 5), date(2026, 1, 16))
    assert row.values == {"items_completed": 3, "items_carried_over": 1, "items_out_of_sprint_percent": 25.0,
                          "story_points_completed": 21.0, "story_points_planned": 26.0}
    bare = only({"sprint": JIRA["sprint"], "contents": {}})
    assert bare.values == {}


def test_a_milestone_of_github():
    row = only(GITHUB)
    assert (row.sprint_id, row.start, row.end) == ("3", date(2026, 2, 2), date(2026, 2, 13))
    assert row.values == {"items_completed": 9, "items_carried_over": 2}
    late = only({**GITHUB, "created_at": "2026-02-20T08:00:00Z"})
    assert (late.start, late.end) == (date(2026, 2, 12), date(2026, 2, 13))
    _, (fault,) = read_rows([{**GITHUB, "due_on": None, "closed_at": None}])
    assert fault.field == "end_date"


def test_a_milestone_of_gitlab_with_and_without_its_statistics():
    assert only(GITLAB).values == {}
    row = only({**GITLAB, "statistics": {"counts": {"all": 11, "closed": 9, "opened": 2}}})
    assert row.values == {"items_completed": 9, "items_carried_over": 2}


def test_a_saved_answer_is_imported_as_a_file():
    rows, faults = read_file(json.dumps([GITHUB, GITLAB]).encode())
    assert [row.sprint_id for row in rows] == ["3", "12"] and faults == []


@pytest.mark.parametrize("broken", [
    {**JIRA, "sprint": {}}, {**GITHUB, "closed_issues": "many"}, {**GITLAB, "start_date": 5},
    {**GITLAB, "due_date": None},
    {"sprint": {"id": 1}, "contents": {"completedIssues": "x"}},
])
def test_what_is_broken_is_told(broken):
    rows, (fault,) = read_rows([broken])
    assert rows == [] and fault.field and fault.message


def test_jira_is_asked_for_the_board_and_each_report(source: Source):
    listed = [{"id": number, "name": f"Sprint {number}", "state": "closed", "startDate": "2026-01-05T08:00:00.000Z",
               "endDate": "2026-01-16T08:00:00.000Z"} for number in (1, 2, 3)]
    source.say({"startAt": 0, "maxResults": 2, "isLast": False, "values": listed[:2]})
    source.say({"startAt": 2, "maxResults": 2, "isLast": True, "values": listed[2:]})
    for _ in range(2):
        source.say({**JIRA, "sprint": {"id": 9, "name": "as told"}})
    found = fetch(source.url, "me@example.org:token", 2, "7", "jira", wait=lambda seconds: None)
    paths = [path for path, _ in source.asked]
    assert paths[0] == "/api/rest/agile/1.0/board/7/sprint?state=closed%2Cactive"
    assert paths[1].endswith("state=closed%2Cactive&startAt=2")
    assert [path.rpartition("=")[2] for path in paths[2:]] == ["3", "2"]
    assert source.asked[0][1] == "Basic bWVAZXhhbXBsZS5vcmc6dG9rZW4="
    rows, _ = read_rows(found[:1])
    assert rows[0].start == date(2026, 1, 5) and rows[0].values["items_completed"] == 3
    with pytest.raises(SourceError, match="number of its board"):
        fetch(source.url, "", 2, "", "jira")


def test_gitlab_is_asked_for_the_issues_of_each_milestone(source: Source):
    source.say([GITLAB])
    source.say({"statistics": {"counts": {"closed": 4, "opened": 1}}})
    (row,), _ = read_rows(fetch(source.url, "token", 5, "", "gitlab", wait=lambda seconds: None))
    assert row.values == {"items_completed": 4, "items_carried_over": 1}
    assert [path for path, _ in source.asked] == ["/api/milestones?per_page=5",
                                                  "/api/issues_statistics?milestone=Sprint+3"]


def test_github_is_asked_for_its_milestones(source: Source):
    source.say([GITHUB])
    assert fetch(source.url, "token", 5, "", "github", wait=lambda seconds: None) == [GITHUB]
    assert source.asked == [("/api/milestones?state=all&sort=due_on&direction=desc&per_page=5", "Bearer token")]
