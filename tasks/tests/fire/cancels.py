"""Cancels: races between a cancel and the start of what is cancelled, and how soon a running task has stopped."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tasks.actions import AlreadyEnded, cancel, enqueue
from tasks.models import Attempt, Task
from tasks.processes import began
from tasks.states import ACTIVE
from tasks.tests.fire.fleet import until
from tasks.tests.fire.jobs import Careless
from tasks.tests.messy.jobs import Quick

# So many races are open at a time: each worker has something to take at any moment.
OPEN = 6
PATIENCE = 60.0


@dataclass
class Races:
    """Who was first: `waiting` of the cancels met a task that had not started, `running` one that ran, `late` one that
    had ended. `started`: how many of the first kind have an attempt all the same; `failed`: how many tasks failed."""

    waiting: int = 0
    running: int = 0
    late: int = 0
    started: int = 0
    failed: int = 0
    ended: Counter = field(default_factory=Counter)


@dataclass
class Stops:
    """Seconds from each cancel until its task had ended and its processes were gone; the states that they ended in."""

    seconds: list[float] = field(default_factory=list)
    states: Counter = field(default_factory=Counter)


def races(number: int, *, seed: int = 1) -> Races:
    """Enqueue and cancel so many tasks, each after a short random while, beside workers that take them meanwhile."""
    seen, dice = Races(), random.Random(seed)
    mine: list[uuid.UUID] = []
    never: set[uuid.UUID] = set()
    open_races: list[Task] = []

    def race(task: Task) -> None:
        try:
            found = cancel(task.pk)
        except AlreadyEnded:
            seen.late += 1
            return
        if found.state == "cancelled":
            seen.waiting += 1
            never.add(task.pk)
        else:
            seen.running += 1

    while len(mine) < number or open_races:
        if len(mine) < number and len(open_races) < OPEN:
            open_races.append(enqueue(Quick, {"file": "", "seconds": dice.uniform(0, 0.02)}))
            mine.append(open_races[-1].pk)
            if len(open_races) < dice.randint(1, OPEN):
                continue
        time.sleep(dice.uniform(0, 0.01))
        # The newest more often than not: the others are taken soon.
        race(open_races.pop(-1 if dice.random() < 0.6 else dice.randrange(len(open_races))))
    until(lambda: not Task.objects.filter(pk__gte=mine[0], state__in=sorted(ACTIVE)).exists(), PATIENCE)
    time.sleep(0.5)  # for a worker that would start one even now
    rows = Task.objects.filter(pk__gte=mine[0], job=Quick.name)
    seen.ended = Counter(rows.values_list("state", flat=True))
    seen.failed = seen.ended["failed"] + (number - sum(seen.ended.values()))
    begun = set(Attempt.objects.filter(task__in=rows).values_list("task_id", flat=True))
    seen.started = len(begun & never)
    return seen


def stops(said: Path, number: int, *, seed: int = 1) -> Stops:
    """Cancel so many running tasks, one after another, that have begun processes and do not look after them."""
    seen, dice = Stops(), random.Random(seed)
    said.touch()
    for _ in range(number):
        task = enqueue(Careless, {"file": str(said)})
        line = until(lambda key=task.pk: _line(said, key), PATIENCE)
        pids = [Attempt.objects.get(task=task).pid, *map(int, line)]
        assert all(map(began, pids)), "They do not run."
        time.sleep(dice.uniform(0, 0.3))
        asked = time.monotonic()
        cancel(task.pk)
        until(lambda key=task.pk: Task.objects.filter(pk=key).exclude(state__in=sorted(ACTIVE)).exists(), PATIENCE)
        until(lambda left=pids[1:]: not any(map(began, left)), PATIENCE)
        seen.seconds.append(time.monotonic() - asked)
        seen.states[Task.objects.get(pk=task.pk).state] += 1
    return seen


def _line(said: Path, key: uuid.UUID) -> list[str]:
    """The pids that a task has said."""
    lines = [line.split() for line in said.read_text().splitlines()]
    return next((line[1:] for line in lines if line[0] == str(key) and len(line) == 3), [])
