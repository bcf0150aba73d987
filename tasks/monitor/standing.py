"""What waits and runs now, lane by lane, and what comes next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from events.times import iso
from tasks import lane_actions
from tasks.models import Task
from tasks.presentation import priority_level
from tasks.schedules.models import Schedule
from tasks.states import TaskState

# The states are written out: a bound value would not tell the database that its index of active tasks is enough.
ACTIVE = """
SELECT lane, state, priority, COUNT(*), MIN(queued_at) FROM {table}
WHERE state IN ('blocked', 'queued', 'running', 'scheduled') GROUP BY lane, state, priority
"""
DUE = "SELECT id, title, run_at FROM {table} WHERE state = 'scheduled' ORDER BY run_at LIMIT %s"
# A task that has waited so many seconds waits too long.
LATE = 120
MOST_RUNNING = 50
MOST_NEXT = 6


def standing(now: datetime) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """How many tasks are in each active state, and every lane: `name, paused, reason, cap, rate, period, running,
    queued, high, medium, low, oldest, late`: since when its oldest task waits (None where none does), and whether that
    is longer than it should be."""
    states = dict.fromkeys(("queued", "running", "scheduled", "blocked"), 0)
    lanes = {
        lane.name: {"name": lane.name, "paused": lane.paused, "reason": lane.reason, "cap": lane.cap,
                    "rate": lane.rate, "period": lane.period, "running": 0, "queued": 0, "high": 0, "medium": 0,
                    "low": 0, "oldest": None, "late": False}
        for lane in lane_actions.lanes()
    }
    with connection.cursor() as cursor:
        cursor.execute(ACTIVE.format(table=connection.ops.quote_name(Task._meta.db_table)))
        rows = cursor.fetchall()
    for lane, state, priority, number, since in rows:
        states[state] += number
        found = lanes.get(lane)
        if found is None or state not in (TaskState.QUEUED, TaskState.RUNNING):
            continue
        found[state] += number
        if state == TaskState.QUEUED:
            found[priority_level(priority)] += number
            if since is not None:
                found["oldest"] = min(filter(None, (found["oldest"], iso(moment(since)))))
                found["late"] |= (now - moment(since)).total_seconds() > LATE
    return states, list(lanes.values())


def running() -> list[dict[str, Any]]:
    """Who has run longest, with its progress; fifty at most."""
    columns = ("id", "title", "lane", "started_at", "progress", "step", "steps_done", "steps_total", "due_at",
               "cancel_requested")
    rows = Task.objects.filter(state=TaskState.RUNNING).order_by("started_at").values(*columns)[:MOST_RUNNING]
    return [row | {"id": str(row["id"]), "started_at": iso(row["started_at"]), "due_at": iso(row["due_at"])}
            for row in rows]


def coming() -> list[dict[str, Any]]:
    """What runs next by its time, tasks and schedules: `title, at, task` (an id) and `schedule` (a
    number), one of them None."""
    with connection.cursor() as cursor:
        cursor.execute(DUE.format(table=connection.ops.quote_name(Task._meta.db_table)), [MOST_NEXT])
        tasks = [{"title": title, "at": iso(moment(at)), "task": _id(key), "schedule": None}
                 for key, title, at in cursor.fetchall() if at is not None]
    planned = Schedule.objects.filter(paused=False, next_run_at__isnull=False).order_by("next_run_at")
    schedules = [{"title": name, "at": iso(at), "task": None, "schedule": key}
                 for key, name, at in planned.values_list("pk", "name", "next_run_at")[:MOST_NEXT]]
    return sorted(tasks + schedules, key=lambda one: one["at"])[:MOST_NEXT]


def moment(value: Any) -> datetime:
    """A time as a database gives it by hand: SQLite as text, in UTC."""
    found = value if isinstance(value, datetime) else parse_datetime(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _id(key: Any) -> str:
    return str(Task._meta.pk.to_python(key))
