"""The qualifiers of a query: what each may be, in words and as a condition on tasks."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Q
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from tasks.lanes import LANES
from tasks.search import conditions
from tasks.search.beginnings import Begins
from tasks.search.conditions import Condition
from tasks.search.errors import BadQuery
from tasks.search.lengths import ran, waited
from tasks.search.matching import dialect
from tasks.search.values import Bounds, bounds, number, period, seconds
from tasks.search.words import words
from tasks.shapes import PROJECT_SUBJECT
from tasks.states import ACTIVE, TaskState
from tasks.subjects import named

NUMBER = "a number such as 8, >=8, <3 or 3..5"
LENGTH = "a length of time such as >30s, <=5m or 1h..2d"
WHEN = "a day, 2026-11-01..2026-11-07, >=2026-11-01, or 24h for the last 24 hours"

Read = Callable[[str, int, datetime], Condition]


@dataclass(frozen=True, slots=True)
class Kind:
    """A qualifier: `read(value, position, now)` is the condition, and raises BadQuery; `choices` may be completed."""

    name: str
    example: str
    help: str
    read: Read
    choices: tuple[str, ...] = ()


def _one_of(column: str, allowed: tuple[str, ...]) -> Read:
    def read(value: str, position: int, now: datetime) -> Condition:
        wanted = []
        for each in value.split(","):
            if each not in allowed:
                raise BadQuery(f"There is no {column} “{each[:40]}”.", position, f"one of {', '.join(allowed)}")
            wanted.append(each)
        return conditions.facet(Q(**{column: wanted[0]}) if len(wanted) == 1
                                else Q(**{f"{column}__in": sorted(set(wanted))}), column)

    return read


def _number(column: str) -> Read:
    def read(value: str, position: int, now: datetime) -> Condition:
        return conditions.facet(_within(column, bounds(value, position, number, NUMBER)), column)

    return read


def _attempt(value: str, position: int, now: datetime) -> Condition:
    asked = bounds(value, position, number, NUMBER)
    several = any(to >= FIRST_BUT_ONE[lookup] for lookup, to in asked.tests if lookup in FIRST_BUT_ONE)
    return (conditions.retried if several else partial(conditions.facet, column="attempt"))(_within("attempt", asked))


def _within(column: str, asked: Bounds[int]) -> Q:
    return Q(*((f"{column}__{lookup}", to) for lookup, to in asked.tests))


def _text(column: str, what: str, known: Callable[[Q], Condition]) -> Read:
    def read(value: str, position: int, now: datetime) -> Condition:
        return known(_like(column, value, position, what))

    return read


def _like(column: str, value: str, position: int, what: str) -> Q:
    if not value.rstrip("*"):
        raise BadQuery("Nothing stands behind the colon.", position, what)
    return Q(Begins(column, value[:-1])) if value.endswith("*") else Q(**{column: value})


def _job(value: str, position: int, now: datetime) -> Condition:
    condition = conditions.facet(_like("job", value, position, "the name of a job"), "job")
    return replace(condition, said=spoken(value, begun=value.endswith("*")))


def spoken(job: str, *, begun: bool = False) -> str:
    """What the documents of a job's tasks say, for its name is a part of each (see `tasks.search.documents`). `begun`:
    it is the beginning of one, with a * behind it."""
    found = words(job)
    return dialect().term(found, prefix=begun and job[-2:-1].isalnum(), name=True) if found else ""


def _worker(value: str, position: int, now: datetime) -> Condition:
    like = _like("worker", value, position, "the name of a worker")
    return conditions.tried(like, ordered=not value.endswith("*"))


def _project(value: str, position: int, now: datetime) -> Condition:
    if not value:
        raise BadQuery("Nothing stands behind the colon.", position, "the name or number of a project")
    if value.isascii() and value.isdigit() and len(value) <= 18:
        return conditions.indexed(Q(subject=f"{PROJECT_SUBJECT}{int(value)}"))
    return conditions.indexed(Q(subject__in=named(PROJECT_SUBJECT.rstrip(":"), value)))


def _correlation(value: str, position: int, now: datetime) -> Condition:
    return conditions.indexed(Q(correlation_id=_uuid(value, position)))


def _id(value: str, position: int, now: datetime) -> Condition:
    return conditions.indexed(Q(pk=_uuid(value, position)))


def _uuid(value: str, position: int) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except ValueError:
        raise BadQuery(f"“{value[:40]}” is no id.", position, "a UUID of 32 hexadecimal digits") from None


def _wait(value: str, position: int, now: datetime) -> Condition:
    # What has not begun has no length, and meets no bound: also not that of a query which is turned round.
    where = Q(started_at__isnull=False)
    for lookup, to in bounds(value, position, seconds, LENGTH).tests:
        where &= Q(LOOKUPS[lookup](waited(), _microseconds(to)))
    return conditions.indexed(where)


def _run(value: str, position: int, now: datetime) -> Condition:
    ended = Q(finished_at__isnull=False, started_at__isnull=False)
    runs = Q(finished_at=None, started_at__isnull=False, state__in=sorted(ACTIVE))
    for lookup, to in bounds(value, position, seconds, LENGTH).tests:
        ended &= Q(LOOKUPS[lookup](ran(), _microseconds(to)))
        # It has run longer than that when it began before then.
        runs &= Q(**{f"started_at__{TURNED[lookup]}": now - timedelta(microseconds=_microseconds(to))})
    # Each from its own index: asked for both at once, PostgreSQL expects so many that it reads all tasks.
    return Condition(ended | runs, source=lambda place: conditions.ids(ended, place).union(
        conditions.ids(runs, place), all=True))


def _ended(value: str, position: int, now: datetime) -> Condition:
    tests = period(value, position, now, WHEN).tests
    return conditions.indexed(Q(*((f"finished_at__{lookup}", to) for lookup, to in tests)))


LOOKUPS = {"gt": GreaterThan, "gte": GreaterThanOrEqual, "lt": LessThan, "lte": LessThanOrEqual, "exact": Exact}
# Bounds from which on it takes a second attempt.
FIRST_BUT_ONE = {"gt": 1, "gte": 2, "exact": 2}
TURNED = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte", "exact": "exact"}


def _microseconds(length: float) -> int:
    """Of a length in seconds; of one that no task can have, thirty years."""
    return round(min(length, 1e9) * 1e6)


def _created(value: str, position: int, now: datetime) -> Condition:
    return conditions.created(period(value, position, now, WHEN).tests)


STATES = tuple(TaskState.values)
KINDS = {kind.name: kind for kind in (
    Kind("state", "state:failed", "in that state, or one of several: state:failed,cancelled", _one_of("state", STATES),
         STATES),
    Kind("lane", "lane:reports", "in that lane", _one_of("lane", tuple(LANES)), tuple(LANES)),
    Kind("priority", "priority:>=8", "1 (lowest) to 10; also 8, <3, 3..5", _number("priority")),
    Kind("worker", "worker:studio*", "an attempt was made by that worker", _worker),
    Kind("project", "project:shop", "about that project, by name or number", _project),
    Kind("job", "job:demo.sleep", "of that job; demo.* for all that begin so", _job),
    Kind("subject", "subject:projects.project:7", "about that, as its subject is written",
         _text("subject", "a subject such as projects.project:7", conditions.indexed)),
    Kind("actor", "actor:mara", "begun by that person or key", _text("actor", "who began it", conditions.indexed)),
    Kind("correlation", "correlation:1b4e28ba-2fa1-41d2-883f-0016d3cca427", "part of that request", _correlation),
    Kind("id", "id:019a0c3e-7d2b-7c51-9b1e-6f0a4b7c8d9e", "that task", _id),
    Kind("attempt", "attempt:>1", "begun so often", _attempt),
    Kind("wait", "wait:>30s", "waited so long before it began", _wait),
    Kind("run", "run:>5m", "ran so long, or has until now", _run),
    Kind("created", "created:2026-11-01..2026-11-07", "in these days, both included, in UTC; also 24h", _created),
    Kind("ended", "ended:2026-11-01T10:00..2026-11-01T10:59", "ended then, both minutes included; also 24h", _ended),
)}  # fmt: skip
# Words in the name only: no condition on a column, but on the document.
NAME = "name"
NAMES = (*KINDS, NAME)
