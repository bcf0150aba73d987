"""How soon work goes on after kill -9, and after Redis has lost everything."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rq import Queue
from rq.registry import clean_registries
from rq.serializers import JSONSerializer

from tasks import queue, rescue
from tasks.actions import cancel, enqueue
from tasks.models import Attempt, Task
from tasks.states import ACTIVE
from tasks.tests.fire.batch import write
from tasks.tests.fire.fleet import Fleet, until
from tasks.tests.fire.jobs import Fenced, Held

# Seconds for one thing to happen, and for all of them.
PATIENCE, END = 60.0, 300.0
VICTIMS = ("worker", "horse")
LONG = 3600


@dataclass
class Rescues:
    """Seconds from each kill until the next attempt at its task began, by victim; `twice`: how often one began while
    the one before it still ran."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {victim: [] for victim in VICTIMS})
    twice: int = 0

    @property
    def all(self) -> list[float]:
        return [value for values in self.seconds.values() for value in values]


@dataclass
class Flushed:
    """How the tasks ended that ran (`running`) and that waited (`waiting`) when Redis was emptied, with the number of
    their attempts, and the seconds until all that waited was on a queue again."""

    running: Counter = field(default_factory=Counter)
    waiting: Counter = field(default_factory=Counter)
    seconds: float = 0.0


def rescues(fleet: Fleet, number: int, *, seed: int = 1) -> Rescues:
    """Kill so many workers and horses in turns, each at work on a task that may be begun again; the fleet has more
    workers than there are such tasks, and `watch`."""
    seen, dice = Rescues(), random.Random(seed)
    (fleet.folder / "locks").mkdir(exist_ok=True)
    fleet.until_ready()
    tasks = [_fenced(fleet, LONG) for _ in range(len(fleet.workers) - 1)]
    said = fleet.folder / "said"
    said.touch()
    for turn in range(number):
        victim = VICTIMS[turn % len(VICTIMS)]
        until(lambda: _open(tasks) == len(tasks), PATIENCE)
        attempt = Attempt.objects.get(task=dice.choice(tasks), ended_at=None)
        until(lambda key=str(attempt.pk): f"began {key}" in said.read_text(), PATIENCE)
        if victim == "worker":
            fleet.workers[fleet.names.index(attempt.worker)].kill()
        else:
            os.kill(attempt.pid, signal.SIGKILL)
        killed = time.time()
        following = Attempt.objects.filter(task=attempt.task_id, number=attempt.number + 1)
        after = until(following.first, PATIENCE)
        seen.seconds[victim].append(after.started_at.timestamp() - killed)
        fleet.tend()
        fleet.until_ready()
    for task in tasks:
        cancel(task)
    until(lambda: not _open(tasks), PATIENCE)
    seen.twice = said.read_text().count("twice")
    return seen


def flush(fleet: Fleet, redis: Any, waiting: int, *, lane: str = "default") -> Flushed:
    """Empty Redis while so many tasks wait on a lane and every worker has one at work; wait until each that waited is
    on a queue again, and for the end of those at work. Where workers serve that lane, wait for all."""
    seen = Flushed()
    (fleet.folder / "locks").mkdir(exist_ok=True)
    fleet.until_ready()
    release = fleet.folder / "release"
    running = [_fenced(fleet, 0, Held, release=str(release)) for _ in fleet.workers]
    until(lambda: _open(running) == len(running), PATIENCE)
    left = write([5] * waiting, lane)
    redis.client().flushall()
    began = time.monotonic()

    def are_back() -> bool:
        known = queue.known()
        return all(str(task.pk) in known.waiting for task in left)

    until(are_back, END)
    seen.seconds = time.monotonic() - began
    assert _open(running) == len(running), "They did not run all the time."
    release.touch()
    mine = [*running, *left] if lane == "default" else running
    until(lambda: not Task.objects.filter(pk__in=[task.pk for task in mine], state__in=sorted(ACTIVE)).exists(), END)
    for counted, tasks in ((seen.running, running), (seen.waiting, left)):
        for task in Task.objects.filter(pk__in=[task.pk for task in tasks]):
            counted[str(task.state), task.attempts.count()] += 1
    return seen


def life(fleet: Fleet, passes: int) -> tuple[str, int, list[str]]:
    """Let a rescuer without any patience look so often at a task that runs, and RQ clean up after each look: `watch`
    looks 3600 times in two hours. Returns the state of the task, the number of its attempts, and what was done."""
    (fleet.folder / "locks").mkdir(exist_ok=True)
    fleet.until_ready()
    task, said = _fenced(fleet, LONG), []
    until(lambda: _open([task]), PATIENCE)
    lists = Queue(task.queue, connection=queue.connection(), serializer=JSONSerializer)
    patience = {name: getattr(rescue, name) for name in ("GONE_HERE", "GONE_ELSEWHERE", "NOT_QUEUED",
                                                         "TAKEN_NOT_CLAIMED", "KILL_MARGIN")}
    try:
        for name in patience:
            setattr(rescue, name, 0.0)
        rescuer = rescue.Rescuer()
        for _ in range(passes):
            said += rescuer.rescue()
            clean_registries(lists)
    finally:
        for name, seconds in patience.items():
            setattr(rescue, name, seconds)
    task.refresh_from_db()
    seen = task.state, task.attempts.count(), said
    cancel(task)
    until(lambda: not _open([task]), PATIENCE)
    return seen


def _fenced(fleet: Fleet, seconds: float, job: type[Fenced] = Fenced, **more: str) -> Task:
    return enqueue(job, {"file": str(fleet.folder / "said"), "locks": str(fleet.folder / "locks"), "seconds": seconds,
                         **more}, priority=10)  # fmt: skip


def _open(tasks: list[Task]) -> int:
    """How many of them run."""
    return Attempt.objects.filter(task__in=tasks, ended_at=None, task__state="running").count()
