"""What a task that has ended adds to the roll-ups."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from analytics import schema
from analytics.models import Series, Uncounted
from analytics.spread import place_of
from tasks.models import wait_between
from tasks.shapes import PROJECT_SUBJECT

MICROSECOND = timedelta(microseconds=1)
D = Series.Dimension
# Parts the project from the job in the key of an operation.
SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class Fact:
    """A task that ended at `at` (seconds since the epoch). Lengths are microseconds, None where it never began: the
    wait lasts until the first attempt, so no retry is in it. `waited` and `ran` are their places in a spread."""

    at: int
    state: str
    wait: int | None
    run: int | None
    waited: int = 0
    ran: int = 0
    busy: int = 0
    places: tuple[tuple[str, str], ...] = ()
    task: uuid.UUID | None = None


def fact_of(row: Uncounted) -> Fact:
    """What is known of a task as a fact."""
    fact = fact_between(row.state, row.created_at, row.ready_at, row.run_at, row.started_at, row.finished_at)
    return replace(fact, busy=max(row.busy, 0), places=_places(row), task=row.task)


def fact_between(state: str, created: datetime, ready: datetime | None, planned: datetime | None,
                 started: datetime | None, finished: datetime) -> Fact:
    """The same of a task of which only its times were read."""
    wait = _microseconds(wait_between(created, ready, planned, started))
    run = _microseconds(None if started is None else finished - started)
    return Fact(int(finished.timestamp()), state, wait, run, place_of(wait or 0), place_of(run or 0))


def ended_on(day: date) -> Iterator[Fact]:
    """Every task that ended on that day (UTC) and is still there."""
    first = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for row in Uncounted.objects.raw(schema.ended_between(), [first, first + timedelta(days=1)]).iterator():
        yield fact_of(row)


def project_of(subject: str) -> str:
    """The number of the project that a task is about, empty when it is about something else."""
    number = subject.removeprefix(PROJECT_SUBJECT)
    return number if number != subject and number.isdecimal() else ""


def _places(row: Uncounted) -> tuple[tuple[str, str], ...]:
    project = project_of(row.subject)
    places = ((D.ALL.value, ""), (D.TOTAL.value, ""), (D.JOB.value, row.job), (D.LANE.value, row.lane),
              (D.PRIORITY.value, str(row.priority)), (D.PROJECT.value, project), (D.WORKER.value, row.worker))
    return (*places, (D.OPERATION.value, f"{project}{SEPARATOR}{row.job}")) if project else places


def _microseconds(length: timedelta | None) -> int | None:
    return None if length is None else max(length // MICROSECOND, 0)
