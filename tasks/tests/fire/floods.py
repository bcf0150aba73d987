"""The order in which tasks start: of a mix of priorities, and of low ones under a flood of high ones."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from tasks.actions import enqueue
from tasks.models import Task
from tasks.states import ACTIVE
from tasks.tests.fire.batch import write
from tasks.tests.fire.fleet import Fleet, until
from tasks.tests.messy.jobs import Quick

# Seconds for a step of ageing, for a high task, and between two low ones; so many high ones wait at any moment.
AGEING, LENGTH, APART, DEPTH = 1, 0.05, 1.0, 5
# `watch` looks every two seconds, and what came to the top before goes first.
PASS, AHEAD = 2.0, 1.0
LOW, HIGH = 1, 10


@dataclass
class Flood:
    """How long each low task waited (s); how many high ones started while the last of them waited."""

    waits: list[float] = field(default_factory=list)
    high: int = 0


def misplaced(folder: Path, environ: dict[str, str], number: int, *, seed: int = 1) -> int:
    """Let one worker work off so many tasks of mixed priority; how many started otherwise than in their order."""
    dice = random.Random(seed)
    tasks = write(dice.randint(1, 10) for _ in range(number))
    wanted = [task.pk for task in sorted(tasks, key=lambda task: -task.priority)]
    mine = Task.objects.filter(pk__in=wanted)
    with Fleet(folder, environ, watch=False):
        until(lambda: not mine.filter(state__in=sorted(ACTIVE)).exists(), 60 + number / 5, 0.2)
    started = list(mine.order_by("started_at").values_list("pk", flat=True))
    return sum(one != other for one, other in zip(wanted, started, strict=True))


def flood(folder: Path, environ: dict[str, str], lows: int, *, patience: float = 60.0) -> Flood:
    """Keep high tasks waiting before one worker, and see when low ones start that come meanwhile."""
    seen, low, next_low = Flood(), [], time.monotonic()
    with Fleet(folder, {**environ, "HUB_AGEING": str(AGEING)}) as fleet:
        fleet.until_ready()
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            waiting = Task.objects.filter(state="queued", priority=HIGH).count()
            for _ in range(DEPTH - waiting):
                enqueue(Quick, {"file": "", "seconds": LENGTH}, priority=HIGH)
            if len(low) < lows and waiting and time.monotonic() >= next_low:
                low.append(enqueue(Quick, {"file": "", "seconds": LENGTH}, priority=LOW).pk)
                next_low = time.monotonic() + APART
            started = Task.objects.filter(pk__in=low).exclude(started_at=None)
            if len(low) == lows and started.count() == lows:
                break
            time.sleep(0.01)
        until(lambda: not Task.objects.filter(state__in=sorted(ACTIVE)).exists(), patience)
    rows = list(Task.objects.filter(pk__in=low, attempt__gte=1))
    seen.waits = [task.wait().total_seconds() for task in rows] + [patience] * (lows - len(rows))
    last = max(rows, key=lambda task: task.started_at)
    high = Task.objects.filter(priority=HIGH, started_at__gt=last.created_at, started_at__lt=last.started_at)
    seen.high = high.count()
    return seen
