"""What the pages show of schedules: plain values, so that a page and its poll cannot differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from events.words import span
from tasks.models import Task
from tasks.presentation import Look, look_of
from tasks.schedules.models import Overlap, Schedule
from tasks.states import ACTIVE

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Due:
    """A run to come: `wall` is the time on the clock of its zone, `away` how long until then."""

    at: datetime
    wall: str
    away: str
    name: str = ""
    pk: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """A schedule in the list. `last` is how its last run looks, None before the first."""

    pk: int
    name: str
    job: str
    when: str
    is_cron: bool
    zone: str
    next: Due | None
    paused: bool
    paused_by: str
    waiting: bool
    problem: str
    last: Look | None
    last_task: str
    last_at: datetime | None
    last_note: str
    active: bool
    overlap: str


def rows_of(schedules: Iterable[Schedule], now: datetime) -> list[Row]:
    """Schedules as the list shows them; they come with `last_task`."""
    return [_row(schedule, now) for schedule in schedules]


def dues(schedule: Schedule, now: datetime, count: int = SHOWN) -> list[Due]:
    """The next runs of a schedule."""
    return [due(moment, schedule.zone, now, schedule) for moment in schedule.next_runs(count)]


def soonest(schedules: Iterable[Schedule], now: datetime, count: int = SHOWN) -> list[Due]:
    """The next runs of all of them, soonest first."""
    found = [run for schedule in schedules for run in dues(schedule, now, count)]
    return sorted(found, key=lambda run: run.at)[:count]


def due(moment: datetime, zone: str, now: datetime, schedule: Schedule | None = None) -> Due:
    """A run to come, in the words of its time zone."""
    local, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    day = "" if local.date() == today else f"{local:%a} {local.day} {local:%b} "
    year = f"{local.year} " if local.year != today.year else ""
    clock = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    left = (moment - now).total_seconds()
    # Whole seconds: tenths would only say when the page was made.
    away = f"in {span(round(left)).replace('.0 s', ' s')}" if left >= 1 else "now"
    name, pk = (schedule.name, schedule.pk) if schedule else ("", 0)
    return Due(moment, f"{day}{year}{clock} {local.tzname()}", away, name, pk)


def _row(schedule: Schedule, now: datetime) -> Row:
    task, coming = schedule.last_task, dues(schedule, now, 1)
    return Row(
        pk=schedule.pk,
        name=schedule.name,
        job=schedule.job,
        when=schedule.rhythm.words(),
        is_cron=bool(schedule.cron),
        zone=schedule.zone if schedule.cron else "",
        next=coming[0] if coming else None,
        paused=schedule.paused,
        paused_by=schedule.paused_by,
        waiting=schedule.waiting,
        problem=schedule.problem,
        last=look_of(task.state) if task else None,
        last_task=str(task.pk) if task else "",
        last_at=schedule.last_run_at,
        last_note=_note(task) if task else "",
        active=task is not None and task.state in ACTIVE,
        overlap=Overlap(schedule.overlap).label,
    )


def _note(task: Task) -> str:
    if task.error:
        return task.error.split("\n", 1)[0]
    took = task.run_time()
    return f"took {span(took.total_seconds())}" if took is not None and task.has_ended else ""
