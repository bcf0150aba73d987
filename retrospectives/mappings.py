"""Answers of Jira, GitHub and GitLab, turned into the fields that Hub reads. What is recognised is told by its shape,
in a synced answer as in an imported file; only the fields named here are used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

SHORTEST = timedelta(days=1)


def as_sprint(item: Any) -> Any:
    """A sprint in Hub's own fields; what is not recognised is given back as it is."""
    if not isinstance(item, Mapping) or "sprint_id" in item:
        return item
    for recognised, mapped in ((_is_jira, _jira), (_is_gitlab, _gitlab), (_is_github, _github)):
        if recognised(item):
            return mapped(item)
    return item


def _is_jira(item: Mapping[str, Any]) -> bool:
    return isinstance(item.get("sprint"), Mapping) and isinstance(item.get("contents"), Mapping)


def _jira(item: Mapping[str, Any]) -> dict[str, Any]:
    """Jira's sprint report (`rapid/charts/sprintreport`): `sprint` {id, name, isoStartDate, isoEndDate} and `contents`
    {completedIssues, issuesNotCompletedInCurrentSprint, completedIssuesEstimateSum, issuesNotCompletedEstimateSum,
    issueKeysAddedDuringSprint}. What was planned is all that was in the sprint at its end."""
    sprint, contents = item["sprint"], item["contents"]
    done, left = _list(contents, "completedIssues"), _list(contents, "issuesNotCompletedInCurrentSprint")
    finished, open_points = (_estimate(contents, f"{name}EstimateSum") for name in
                             ("completedIssues", "issuesNotCompleted"))
    added = contents.get("issueKeysAddedDuringSprint")
    every = None if done is None or left is None else len(done) + len(left)
    return {
        "sprint_id": _id(sprint.get("id")), "sprint_name": sprint.get("name"),
        "start_date": _day(sprint.get("isoStartDate")), "end_date": _day(sprint.get("isoEndDate")),
        "items_completed": None if done is None else len(done),
        "items_carried_over": None if left is None else len(left),
        "items_out_of_sprint_percent": round(100 * min(len(added), every) / every, 1)
        if isinstance(added, Mapping) and every else None,
        "story_points_completed": finished,
        "story_points_planned": None if finished is None or open_points is None else finished + open_points,
    }  # fmt: skip


def _is_github(item: Mapping[str, Any]) -> bool:
    return {"number", "title", "open_issues", "closed_issues", "due_on"} <= set(item)


def _github(item: Mapping[str, Any]) -> dict[str, Any]:
    """A milestone of GitHub's REST API: {number, title, created_at, due_on, closed_at, open_issues, closed_issues}. It
    begins when it was made, and ends when it is due, or was closed where it is not due at a day."""
    return {
        "sprint_id": _id(item["number"]), "sprint_name": item["title"],
        **_days(item.get("created_at"), item.get("due_on") or item.get("closed_at")),
        "items_completed": item["closed_issues"], "items_carried_over": item["open_issues"],
    }  # fmt: skip


def _is_gitlab(item: Mapping[str, Any]) -> bool:
    return {"iid", "title", "start_date", "due_date"} <= set(item)


def _gitlab(item: Mapping[str, Any]) -> dict[str, Any]:
    """A milestone or iteration of GitLab's REST API: {id, title, start_date, due_date}, and when the source puts it
    beside, `statistics` {counts: {closed, opened}} of its issues (`issues_statistics`)."""
    statistics = item.get("statistics")
    counts = statistics.get("counts") if isinstance(statistics, Mapping) else None
    counts = counts if isinstance(counts, Mapping) else {}
    return {
        "sprint_id": _id(item.get("id")), "sprint_name": item["title"],
        "start_date": _day(item["start_date"]), "end_date": _day(item["due_date"]),
        "items_completed": counts.get("closed"), "items_carried_over": counts.get("opened"),
    }  # fmt: skip


def _days(start: Any, end: Any) -> dict[str, Any]:
    """Both days; a milestone that was made after the day on which it is due began a day before that."""
    first, last = _day(start), _day(end)
    try:
        if first and last and date.fromisoformat(first) > date.fromisoformat(last):
            first = str(date.fromisoformat(last) - SHORTEST)
    except ValueError:
        return {"start_date": start, "end_date": end}  # what is no date is told by who reads the row
    return {"start_date": first, "end_date": last}


def _day(value: Any) -> Any:
    return value[:10] if isinstance(value, str) else value


def _id(value: Any) -> str | None:
    return None if value is None else str(value)


def _list(contents: Mapping[str, Any], name: str) -> list | None:
    value = contents.get(name)
    return value if isinstance(value, list) else None


def _estimate(contents: Mapping[str, Any], name: str) -> Any:
    value = contents.get(name)
    return value.get("value") if isinstance(value, Mapping) else None
