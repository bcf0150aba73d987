"""How long a task usually runs, as somebody above knows it: `HUB_USUAL_RUNS` in the settings names who, by dotted path.

This app knows the steps of the last runs (`tasks.history`), and nothing of those that were pruned. Who keeps years of
them imports this app, and may not be imported here: so the settings, which know all, bring the two together.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from tasks.models import Task
from tasks.states import TaskState

# Seconds that an answer is kept, and how many are. Polls ask every second.
KEPT, MOST = 60.0, 500
# Fewer runs say nothing of the slowest twentieth.
FEWEST = 20
# Where the slowest twentieth takes more than so many times as long as half of all, no remaining time is told.
WIDE = 2.0


@dataclass(frozen=True, slots=True)
class Usual:
    """Of so many runs that succeeded half took `half` seconds at most, and 95 of a hundred `most`."""

    runs: int
    half: float
    most: float


Source = Callable[[str, str], Usual | None]

_known: OrderedDict[tuple[str, str], tuple[float, Usual | None]] = OrderedDict()


def usual(task: Task) -> Usual | None:
    """How long such a task usually runs: that job on that subject, or that job where it is about nothing; None where
    nobody knows."""
    key = (task.job, task.subject)
    until, found = _known.get(key, (0.0, None))
    if until < time.monotonic():
        source = _source()
        found = source(*key) if source else None
        _known[key] = (time.monotonic() + KEPT, found)
        if len(_known) > MOST:
            _known.popitem(last=False)
    return found if found and found.runs >= FEWEST else None


def remaining(task: Task, now: datetime) -> float | None:
    """Seconds until a running task usually ends, for one whose steps do not say it; None where runs differ too much."""
    if task.state != TaskState.RUNNING or task.started_at is None or (known := usual(task)) is None:
        return None
    if known.most > WIDE * known.half:
        return None
    left = known.half - task.run_time(now).total_seconds()
    return left if left > 0 else None


def slower(task: Task, now: datetime) -> Usual | None:
    """What is usual, where a task runs longer than 95 of a hundred did; else None."""
    if task.state != TaskState.RUNNING or task.started_at is None or (known := usual(task)) is None:
        return None
    return known if task.run_time(now).total_seconds() > known.most else None


def forget() -> None:
    """Ask anew."""
    _known.clear()


@cache
def _source() -> Source | None:
    name = settings.HUB_USUAL_RUNS
    return import_string(name) if name else None
