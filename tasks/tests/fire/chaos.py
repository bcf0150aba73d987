"""Chaos: many tasks, while whoever works on them is killed at random. What has to be true afterwards, is counted."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.utils import timezone

from tasks import queue
from tasks.actions import AlreadyEnded, cancel, enqueue
from tasks.dependencies import blocked_for_nothing
from tasks.models import Attempt, Task
from tasks.processes import is_alive
from tasks.states import ACTIVE, ENDED, TaskState
from tasks.tests.fire.fleet import LANES, Fleet
from tasks.tests.fire.jobs import Fenced, FencedAgain, FencedFamily, FencedOnce

# Who is killed, and how often in proportion.
VICTIMS = {"horse": 5, "worker": 3, "watch": 2, "redis": 1}
# By the last digit of a task's number; all others are of the plainest kind.
KINDS = {0: FencedOnce, 3: FencedAgain, 7: FencedFamily}
WAITS_FOR_ONE_BEFORE, CANCELS_ONE_BEFORE = 5, 9
CHILDREN = 2
LONGEST_STUCK = 60.0
# Seconds for which tasks are enqueued before somebody may be killed again.
ENQUEUE_SLICE = 0.3


@dataclass
class Verdict:
    """What was seen. `faults`: what must not be, counted by its name; `stuck`: the longest time in seconds for which a
    task was in nobody's hands; `ended` holds the children too."""

    asked: int
    seconds: float = 0.0
    ended: Counter = field(default_factory=Counter)
    faults: Counter = field(default_factory=Counter)
    stuck: float = 0.0
    kills: Counter = field(default_factory=Counter)
    attempts: int = 0
    cancels: int = 0

    @property
    def holds(self) -> bool:
        """Every row has ended, none is missing, none ran twice at once, none was stuck."""
        return sum(self.ended.values()) >= self.asked and not +self.faults and self.stuck <= LONGEST_STUCK

    def __str__(self) -> str:
        ended, kills, faults = (
            ", ".join(f"{number} × {name}" for name, number in sorted(counted.items()) if number) or "none"
            for counted in (self.ended, self.kills, self.faults)
        )
        return (f"{'Holds' if self.holds else 'BROKEN'}: {self.asked} tasks in {self.seconds:.0f} s, {self.attempts} "
                f"attempts, {self.cancels} cancels; ended (with children): {ended}; faults: {faults}; longest stuck: "
                f"{self.stuck:.1f} s; killed: {kills}.")


class Chaos:
    """Workers and a watch of its own, on a Redis that it may kill. `environ`: in which its processes run."""

    def __init__(self, folder: Path, environ: dict[str, str], redis: Any, *, seed: int, workers: int = 4):
        # Two serve all lanes, the others two each.
        lanes = [LANES if place < 2 else LANES[place % 2 : place % 2 + 2] for place in range(workers)]
        self._fleet = Fleet(folder, environ, lanes)
        self._folder, self._redis, self._dice = folder, redis, random.Random(seed)
        self._since: dict[Any, float] = {}
        self._keys: list[uuid.UUID] = []
        self._cancelled: dict[uuid.UUID, int | None] = {}
        self._deck = self._dice.sample(list(VICTIMS), len(VICTIMS))  # each of them once, soon

    def run(self, number: int, *, pause: float, patience: float, most_kills: float = math.inf) -> Verdict:
        """Enqueue so many tasks, kill somebody about every `pause` seconds (`most_kills` times) until nine of ten have
        ended, and wait at most `patience` seconds for an end after that."""
        verdict, began = Verdict(number), time.monotonic()
        (self._folder / "locks").mkdir()
        with self._fleet:
            next_kill, deadline = time.monotonic() + pause, None
            while (left := Task.objects.filter(state__in=sorted(ACTIVE)).count()) or len(self._keys) < number:
                slice_ends = time.monotonic() + ENQUEUE_SLICE
                while len(self._keys) < number and time.monotonic() < slice_ends:
                    self._enqueue(len(self._keys))
                self._look(verdict)
                now = time.monotonic()
                if len(self._keys) == number and left <= number // 10:
                    deadline = deadline or now + patience
                    if now > deadline:
                        break
                elif now >= next_kill and verdict.kills.total() < most_kills:
                    self._kill(verdict)
                    next_kill = time.monotonic() + self._dice.uniform(0.5, 1.5) * pause
                self._fleet.tend()
                time.sleep(0.1)
        verdict.seconds = time.monotonic() - began
        self._judge(verdict)
        return verdict

    def _enqueue(self, number: int) -> None:
        params = {"file": str(self._folder / "said"), "locks": str(self._folder / "locks"), "number": number,
                  "seconds": round(self._dice.uniform(0, 0.05), 3)}
        before = self._dice.choice(self._keys[-30:]) if self._keys else None
        needs = [before] if before and number % 10 == WAITS_FOR_ONE_BEFORE else []
        task = enqueue(KINDS.get(number % 10, Fenced), params, lane=LANES[number % 3], depends_on=needs,
                       priority=self._dice.randint(1, 10), unless_succeeded="run")  # fmt: skip
        self._keys.append(task.pk)
        if before and number % 10 == CANCELS_ONE_BEFORE:
            with contextlib.suppress(AlreadyEnded):
                cancelled = cancel(before)
                # It ended here, after so many attempts, or is to end (None).
                self._cancelled[before] = cancelled.attempt if cancelled.state == TaskState.CANCELLED else None

    def _kill(self, verdict: Verdict) -> None:
        if not self._deck:
            self._deck = self._dice.sample(list(VICTIMS), sum(VICTIMS.values()), counts=list(VICTIMS.values()))
        victim = self._deck[-1]
        if victim == "redis":
            self._redis.kill()
            time.sleep(self._dice.uniform(0, 1))
            self._redis.start()
        elif victim == "watch":
            self._fleet.watch.kill()
        elif victim == "worker":
            self._dice.choice(self._fleet.workers).kill()
        else:
            running = list(Attempt.objects.filter(ended_at=None).order_by("id"))
            if not running:
                return
            attempt = self._dice.choice(running)
            if not is_alive(attempt.pid, attempt.pid_started):
                return
            os.kill(attempt.pid, signal.SIGKILL)
        self._deck.pop()
        verdict.kills[victim] += 1

    # --- what has to be true ------------------------------------------------------------------------------------------

    def _look(self, verdict: Verdict) -> None:
        """For how long which tasks have been in nobody's hands: running without a process, queued on no list, waiting
        though their time has come or all that they wait for has ended."""
        lost = {("dead", attempt.pk) for attempt in Attempt.objects.filter(ended_at=None, task__state=TaskState.RUNNING)
                if not is_alive(attempt.pid, attempt.pid_started)}  # fmt: skip
        due = Task.objects.filter(state=TaskState.SCHEDULED, run_at__lte=timezone.now())
        lost |= {("due", key) for key in due.values_list("pk", flat=True)}
        lost |= {("blocked", key) for key in blocked_for_nothing()}
        try:
            known = queue.known()
        except queue.QueueAway:
            pass
        else:
            waiting = Task.objects.filter(state=TaskState.QUEUED).values_list("pk", flat=True)
            lost |= {("lost", key) for key in waiting if str(key) not in known.waiting | known.taken}
        now = time.monotonic()
        self._since = {each: self._since.get(each, now) for each in lost}
        verdict.stuck = max([verdict.stuck, *(now - since for since in self._since.values())])

    def _judge(self, verdict: Verdict) -> None:
        rows = {task.pk: task for task in Task.objects.only("id", "job", "state", "attempt", "parent")}
        verdict.ended = Counter(str(task.state) for task in rows.values() if task.state in ENDED)
        attempts: dict[uuid.UUID, list[Attempt]] = {}
        for attempt in Attempt.objects.order_by("task", "number"):
            attempts.setdefault(attempt.task_id, []).append(attempt)
        verdict.attempts, verdict.cancels = sum(map(len, attempts.values())), len(self._cancelled)
        said = [line.split() for line in (self._folder / "said").read_text().splitlines()]
        begun = Counter(attempt for word, attempt in said if word == "began")
        finished = {attempt for word, attempt in said if word == "ended"}
        known = {str(attempt.pk): attempt for each in attempts.values() for attempt in each}
        children = Counter(task.parent_id for task in rows.values())
        verdict.faults.update({
            "missing": sum(key not in rows for key in self._keys),
            "without an end": sum(task.state not in ENDED for task in rows.values()),
            "twice at once": sum(word == "twice" for word, _ in said),
            "begun twice in one attempt": sum(number > 1 for number in begun.values()),
            "begun in an unknown attempt": len(begun.keys() - known.keys()),
            "succeeded before its end": sum(attempt.outcome == "succeeded" and key not in finished
                                            for key, attempt in known.items()),
            "begun before the last attempt had ended": sum(
                one.ended_at is None or one.ended_at > two.started_at
                for each in attempts.values() for one, two in pairwise(each)
            ),
            "begun after it was cancelled": sum(
                count is not None and len(attempts.get(key, [])) > count for key, count in self._cancelled.items()
            ),
            "failed though cancelled": sum(rows[key].state == TaskState.FAILED for key in self._cancelled),
            "too many or too few children": sum(
                children[key] != CHILDREN for key, task in rows.items()
                if task.job == FencedFamily.name and task.state == TaskState.SUCCEEDED
            ),
        })  # fmt: skip
