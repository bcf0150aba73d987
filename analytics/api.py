"""REST: what became of tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema

from analytics.errors import BadQuestion
from analytics.measures import MEASURES, Measure, Total, lengths
from analytics.queries import EVERYTHING, Slice, breakdown, trend
from analytics.ranges import STEPS, USUAL, asked, at, cover
from analytics.searching import found
from events import moments
from tasks.shapes import PROJECT_SUBJECT
from tasks.states import TaskState
from tasks.subjects import look_up

router = Router(tags=["Analytics"])
SINCE = "a day, a time, or so long ago: 2026-11-01, 24h, 90d"
By = Literal["job", "lane", "project", "worker", "state", "priority"]


class RangeQuery(Schema):
    since: str = Field(USUAL, description=SINCE)
    until: str = Field("", description="the same; a day is meant with its end. Empty: now")


class TasksQuery(RangeQuery):
    by: By = "job"
    q: str = Field("", description="a query, as in the search box of the tasks page; it needs tasks that are kept")
    limit: int = Field(200, ge=1, le=1000, description="those with most tasks")


class TrendQuery(RangeQuery):
    measure: str = Field("count", description=f"one of {', '.join(MEASURES)}")
    step: str = Field("", description=f"one of {', '.join(STEPS)}; without it what fits the range")
    by: Literal["job", "lane", "project", "worker", "priority"] | None = Field(None, description="with `key`: of which")
    key: str = Field("", max_length=200)


class Lengths(Schema):
    """Seconds; null where none began."""

    p50: float | None
    p75: float | None
    p95: float | None
    p99: float | None
    max: float | None


class TasksItem(Schema):
    key: str = Field(description="empty: those without one, such as tasks about no project")
    name: str = Field(description="the key for people")
    count: int
    succeeded: int
    failed: int
    cancelled: int
    wait: Lengths
    run: Lengths


class TasksOut(Schema):
    since: datetime = Field(description="what was counted begins here, at a whole minute, hour or day")
    until: datetime
    total: int = Field(description="how many keys there are; the first `limit` are listed")
    items: list[TasksItem]


class Point(Schema):
    start: datetime
    value: float | None = Field(description="null where there is nothing to measure")


class TrendOut(Schema):
    measure: str
    unit: str = Field(description="seconds, per cent, or what is counted")
    step: int = Field(description="seconds")
    since: datetime
    until: datetime
    items: list[Point]


@router.get("/tasks", response=TasksOut, summary="Count tasks that ended, with percentiles")
def count_ended_tasks(request: HttpRequest, query: Query[TasksQuery]):
    """How many ended in a range, how they did, and how long they waited and ran: percentiles within 1 %.

    Retries are not in the wait. Tasks that were pruned, and of jobs that no longer exist, count too; with `q` only
    those that are kept.
    """
    now = timezone.now()
    begin, end = _period(query, now)
    if query.q.strip():
        totals = found(query.q, query.by, begin, end)
        number, first, last = len(totals), begin, end
    else:
        within = cover(begin, end, now)
        totals, number = breakdown(within, query.by, most=query.limit)
        first, last = at(within.begin), at(within.end)
    shown = dict(list(totals.items())[: query.limit])
    names = _names(shown) if query.by == "project" else {}
    return {"since": first, "until": last, "total": number,
            "items": [_item(key, names.get(key, key), total) for key, total in shown.items()]}


@router.get("/trend", response=TrendOut, summary="A measure of tasks over time")
def show_trend(request: HttpRequest, query: Query[TrendQuery]):
    """A value for each step of a range, of all tasks or of those with a `key`. At most 2,000 points."""
    measure = MEASURES.get(query.measure)
    if measure is None:
        raise BadQuestion(f"There is no measure {query.measure[:40]!r}.", "measure",
                          f"Use one of {', '.join(MEASURES)}.")
    if (query.by is None) != (not query.key):
        raise BadQuestion("“by” and “key” go together.", "key" if query.by else "by",
                          "Give both, such as by=job&key=demo.sleep, or neither.")
    shown = asked(query.since, query.until, timezone.now(), query.step)
    of = Slice(query.by, query.key) if query.by else EVERYTHING
    totals = trend(shown, of, [measure.spread] if measure.spread else [])
    return {"measure": measure.name, "unit": _unit(measure), "step": shown.step, "since": at(shown.begin),
            "until": at(shown.end), "items": [
                {"start": start, "value": measure.of(total)} for start, total in zip(shown.times, totals, strict=True)]}


def _period(query: RangeQuery, now: datetime) -> tuple[datetime, datetime]:
    begin, end = moments.period(query.since, query.until)
    begin, end = begin or now - timedelta(days=1), min(end or now, now)
    if begin >= end:
        raise BadQuestion("The range is empty: it begins when it ends, or in the future.", "since",
                          "Use a since that is before until, such as 24h or 2026-11-01.")
    return begin, end


def _names(keys: Any) -> dict[str, str]:
    subjects = look_up([f"{PROJECT_SUBJECT}{key}" for key in keys if key])
    return {key: subjects[f"{PROJECT_SUBJECT}{key}"].name if key else "no project" for key in keys}


def _item(key: str, name: str, total: Total) -> dict[str, Any]:
    return {"key": key, "name": name, "count": total.all.count,
            **{state: total.states.get(state, 0) for state in (
                TaskState.SUCCEEDED.value, TaskState.FAILED.value, TaskState.CANCELLED.value)},
            "wait": lengths(total, "wait"), "run": lengths(total, "run")}


def _unit(measure: Measure) -> str:
    return {"failure_rate": "per cent", "throughput": "tasks an hour"}.get(
        measure.name, "tasks" if measure.unit.whole else "seconds")
