"""The kinds of sources: where each has its sprints, and what else has to be asked to know their figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Kind:
    """`first(count, team)`: path and query below METRICS_API_URL of the list. Where that holds no figures, `more(item,
    team)` is the address that does for one of its items, and `joined(item, answer)` puts both together. `items`: the
    names under which the list stands when the answer is an object. `newest_first`: the order of the list."""

    first: Callable[[int, str], str]
    items: tuple[str, ...] = ("items",)
    more: Callable[[Mapping[str, Any], str], str] | None = None
    joined: Callable[[Mapping[str, Any], Any], Any] | None = None
    newest_first: bool = True
    needs_team: bool = False


def _own(count: int, team: str) -> str:
    return "sprints?" + urlencode({"count": count, **({"team_id": team} if team else {})})


def _milestones(count: int, team: str) -> str:
    return "milestones?" + urlencode({"state": "all", "sort": "due_on", "direction": "desc", "per_page": count})


def _statistics(item: Mapping[str, Any], team: str) -> str:
    return "issues_statistics?" + urlencode({"milestone": item.get("title", "")})


def _with_statistics(item: Mapping[str, Any], answer: Any) -> Any:
    return {**item, "statistics": answer.get("statistics") if isinstance(answer, Mapping) else None}


def _board(count: int, team: str) -> str:
    return f"rest/agile/1.0/board/{quote(team, safe='')}/sprint?" + urlencode({"state": "closed,active"})


def _sprint_report(item: Mapping[str, Any], team: str) -> str:
    return "rest/greenhopper/1.0/rapid/charts/sprintreport?" + urlencode(
        {"rapidViewId": team, "sprintId": item.get("id", "")})


def _with_days(item: Mapping[str, Any], answer: Any) -> Any:
    """The list knows the days of a sprint by their standard names; the report its figures."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("sprint"), Mapping):
        return answer
    days = {"isoStartDate": item.get("startDate"), "isoEndDate": item.get("endDate")}
    return {**answer, "sprint": {**{name: day for name, day in days.items() if day}, **answer["sprint"]}}


KINDS = {
    "sprints": Kind(_own),
    "github": Kind(_milestones),
    "gitlab": Kind(lambda count, team: "milestones?" + urlencode({"per_page": count}), more=_statistics,
                   joined=_with_statistics),
    "jira": Kind(_board, ("values",), more=_sprint_report, joined=_with_days, newest_first=False, needs_team=True),
}
"""By the word that METRICS_API_KIND takes. METRICS_API_URL is then: the address that has /sprints; GitHub's
.../repos/OWNER/NAME; GitLab's .../api/v4/projects/ID; the address of Jira, with the number of a board as the team."""
