"""What ended lately: how long it waited and ran, what failed and why, and which workers died."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Substr

from events.times import iso
from tasks.models import Attempt, Task, wait_between
from tasks.monitor.ended import ended_in
from tasks.states import TaskState

# Waits and runs are of so many that ended last, in the last so many seconds.
SAMPLE, WINDOW = 500, 300
# Failures are grouped among so many that failed last, in the last day.
FAILED, DAY = 200, timedelta(days=1)
MOST_GROUPS = 6
MOST_LOST, LOST_FOR = 10, timedelta(hours=1)
# The outcome is written out, so that the small index of these is enough.
DIED = """SELECT * FROM tasks_attempt WHERE outcome = 'died' ORDER BY ended_at DESC LIMIT %s"""
VARIES = re.compile(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b0x[0-9a-f]+\b|\d+", re.IGNORECASE)


def quantile(values: list[float], share: float) -> float | None:
    """The value below which that share of the values lies, by the nearest rank; None without any."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, max(0, -(-int(share * 100 * len(ordered)) // 100) - 1))], 3)


def timing(now: datetime) -> tuple[dict[str, Any], dict[str, float | None]]:
    """Waits and runs (seconds) of what ended in the last five minutes, of 500 at most: `{"seconds", "sample", "wait":
    {"p50", "p95"}, "run": {...}}`, and by lane the p95 of its waits."""
    rows = Task.objects.filter(finished_at__gte=now - timedelta(seconds=WINDOW)).order_by("-finished_at").values_list(
        "lane", "created_at", "ready_at", "run_at", "started_at", "finished_at")[:SAMPLE]
    waits: dict[str, list[float]] = defaultdict(list)
    runs = []
    for lane, created, ready, planned, started, finished in rows:
        wait = wait_between(created, ready, planned, started)
        if wait is not None:
            waits[lane].append(max(wait.total_seconds(), 0.0))
            runs.append((finished - started).total_seconds())
    every = [wait for lane in waits.values() for wait in lane]
    spread = {name: {"p50": quantile(values, 0.5), "p95": quantile(values, 0.95)}
              for name, values in (("wait", every), ("run", runs))}
    return ({"seconds": WINDOW, "sample": len(runs), **spread},
            {lane: quantile(values, 0.95) for lane, values in waits.items()})


def ends(now: datetime) -> dict[str, int]:
    """How many succeeded, failed and were cancelled in the last five minutes."""
    return ended_in(int(now.timestamp()) - WINDOW, WINDOW + 1)


def failures(now: datetime) -> list[dict[str, Any]]:
    """The failures of the last day, of the 200 last at most, those of the same job whose errors differ only in numbers
    as one: `job, error, count, last_at, task`; the most frequent first."""
    rows = Task.objects.filter(state=TaskState.FAILED).order_by("-id").annotate(said=Substr("error", 1, 300))
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for key, job, at, said in rows.values_list("id", "job", "finished_at", "said")[:FAILED]:
        if at is None or at < now - DAY:
            continue
        first = said.split("\n", 1)[0].strip() or "No error was kept."
        group = groups.setdefault((job, VARIES.sub("#", first)), {
            "job": job, "error": first, "count": 0, "last_at": iso(at), "task": str(key)})
        group["count"] += 1
        if iso(at) > group["last_at"]:
            group.update(last_at=iso(at), task=str(key), error=first)
    return sorted(groups.values(), key=lambda group: (-group["count"], group["error"]))[:MOST_GROUPS]


def lost(now: datetime) -> list[dict[str, Any]]:
    """The attempts whose process died in the last hour, the last first: `worker, host, pid, at, signal, exit_code,
    error, task, title, state` (of the task, now)."""
    died = [one for one in Attempt.objects.raw(DIED, [MOST_LOST]) if one.ended_at and one.ended_at >= now - LOST_FOR]
    tasks = Task.objects.only("title", "state").in_bulk({one.task_id for one in died}) if died else {}
    return [
        {"worker": one.worker, "host": one.host.partition("/")[0], "pid": one.pid, "at": iso(one.ended_at),
         "signal": one.signal, "exit_code": one.exit_code, "task": str(one.task_id),
         "title": tasks[one.task_id].title, "state": tasks[one.task_id].state}
        for one in died if one.task_id in tasks
    ]
