"""Tasks that are asked for in transactions of which half are undone, in every way in which one can be asked for."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from events.models import Event
from tasks import queue
from tasks.actions import enqueue, retry
from tasks.jobs import Sleep
from tasks.models import Attempt, Task
from tasks.schedules import actions as schedules
from tasks.schedules.models import Schedule
from tasks.states import ACTIVE
from tasks.tests.fire.fleet import Fleet, until
from tasks.tests.messy.jobs import Nothing

SOON = 1.5
BULK = 4
PATIENCE = 60.0  # and more for those that wait
# What a worker says that takes what was never there.
CRIES = ("DoesNotExist", "Traceback")


@dataclass
class Undone:
    """`kept` and `undone`: how many tasks were asked for in transactions that stayed, or did not, by way. `ghosts`:
    traces of those that were undone (rows, events, attempts, RQ's records and lists, schedules); `lost`: of those that
    were kept, how many have not succeeded; `cries`: lines of workers and `watch` about what is not there."""

    kept: Counter = field(default_factory=Counter)
    undone: Counter = field(default_factory=Counter)
    ghosts: int = 0
    lost: int = 0
    cries: int = 0


class _Undo(Exception):
    """Rolls a transaction back."""


def _at(number: int, ended: Task) -> list[Task]:
    moment = timezone.now() + timedelta(seconds=SOON)
    return [schedules.once(job=Sleep.name, at=moment.isoformat(), params={"seconds": 0})]


def _recurring(number: int, ended: Task) -> list[Task]:
    schedule = schedules.create(name=f"Every day {number}", job=Sleep.name, params={"seconds": 0}, interval="1d")
    return [schedules.run_now(schedule)]


def _after(number: int, ended: Task) -> list[Task]:
    first = enqueue(Nothing, {})
    return [first, enqueue(Nothing, {}, depends_on=[first])]


WAYS: dict[str, Callable[[int, Task], list[Task]]] = {
    "now": lambda number, ended: [enqueue(Nothing, {})],
    "at": _at,
    "in": lambda number, ended: [enqueue(Nothing, {}, run_at=timezone.now() + timedelta(seconds=SOON))],
    "recurring": _recurring,
    "retry": lambda number, ended: [retry(ended)],
    "bulk": lambda number, ended: [enqueue(Nothing, {}) for _ in range(BULK)],
    "after another": _after,
}


def run(fleet: Fleet, number: int, *, seed: int = 1) -> Undone:
    """Ask for at least so many tasks while the fleet works; every other transaction is undone, some of them only to a
    savepoint within one that stays."""
    seen, dice = Undone(), random.Random(seed)
    ended = Task.objects.create(job=Nothing.name, title="Nothing", actor="fire", state="succeeded")
    kept: set[str] = set()
    gone: set[str] = set()
    turn = 0
    while len(kept) + len(gone) < number:
        way = list(WAYS)[turn // 4 % len(WAYS)]
        undone, inner = turn % 2 == 1, turn % 4 == 3
        made: list[Task] = []
        with transaction.atomic() if inner else contextlib.nullcontext():
            if inner:
                kept.add(str(enqueue(Nothing, {}).pk))
            with contextlib.suppress(_Undo), transaction.atomic():
                made = WAYS[way](turn, ended)
                time.sleep(dice.choice([0, 0, 0.003]))  # for a worker that would look too early
                if undone:
                    raise _Undo
        (gone if undone else kept).update(str(task.pk) for task in made)
        (seen.undone if undone else seen.kept)[way] += len(made)
        turn += 1
    until(lambda: not Task.objects.filter(state__in=sorted(ACTIVE)).exists(), PATIENCE + number / 10, 0.1)
    states = {str(key): state for key, state in Task.objects.values_list("pk", "state")}
    seen.lost = sum(states.get(key) != "succeeded" for key in kept)
    facts = Event.objects.filter(subject__contains=".task.").values_list("payload__task", flat=True)
    seen.ghosts = len(gone & {*states, *facts, *map(str, Attempt.objects.values_list("task", flat=True))})
    known, client = queue.known(), queue.connection()
    seen.ghosts += len(gone & (known.waiting | known.taken)) + sum(client.exists(f"rq:job:{key}") for key in gone)
    seen.ghosts += Schedule.objects.filter(last_task=None).count()
    seen.cries = sum(fleet.said().count(cry) for cry in CRIES)
    return seen
