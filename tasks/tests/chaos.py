"""Chaos: many tasks, while whoever works on them is killed at random. What has to be true afterwards, is counted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from tasks import queue
from tasks.actions import enqueue
from tasks.models import Attempt, Task
from tasks.processes import is_alive
from tasks.states import ACTIVE, ENDED, TaskState
from tasks.tests.messy.jobs import Fenced, FencedOnce

REPOSITORY = Path(__file__).resolve().parents[2]
LANES = ("default", "metrics", "reports")
# Who is killed, and how often in proportion.
VICTIMS = {"horse": 6, "worker": 3, "watch": 1, "redis": 1}
LONGEST_STUCK = 60.0
# Seconds for which tasks are enqueued before somebody may be killed again.
ENQUEUE_SLICE = 0.3


@dataclass
class Verdict:
    """What was seen. `stuck`: the longest time in seconds for which a task was in nobody's hands, `twice`: how often a
    task was begun while it was still running."""

    asked: int
    seconds: float = 0.0
    ended: Counter = field(default_factory=Counter)
    missing: int = 0
    twice: int = 0
    unfenced: int = 0
    stuck: float = 0.0
    kills: Counter = field(default_factory=Counter)
    attempts: int = 0

    @property
    def holds(self) -> bool:
        """Every row has ended, none is missing, none ran twice at once, none was stuck."""
        return (sum(self.ended.values()) == self.asked and not self.missing and not self.twice and not self.unfenced
                and self.stuck <= LONGEST_STUCK)

    def __str__(self) -> str:
        ended = ", ".join(f"{number} {state}" for state, number in sorted(self.ended.items()))
        kills = ", ".join(f"{number} × {victim}" for victim, number in sorted(self.kills.items()))
        return (f"{'Holds' if self.holds else 'BROKEN'}: {self.asked} tasks in {self.seconds:.0f} s, {self.attempts} "
                f"attempts; ended: {ended}; missing: {self.missing}; twice at once: {self.twice}; attempts that "
                f"overlap or are unknown: {self.unfenced}; longest stuck: {self.stuck:.1f} s; killed: {kills}.")


class Chaos:
    """Workers and a watch of its own, on a Redis that it may kill. `environ`: in which its processes run."""

    def __init__(self, folder: Path, environ: dict[str, str], redis: Any, *, seed: int, workers: int = 4):
        self._folder, self._redis, self._dice = folder, redis, random.Random(seed)
        self._environ = {**environ, "DJANGO_SETTINGS_MODULE": "tasks.tests.settings"}
        self._workers: list[subprocess.Popen | None] = [None] * workers
        self._watch: subprocess.Popen | None = None
        self._since: dict[Any, float] = {}
        self._count = 0

    def run(self, number: int, *, pause: float, patience: float) -> Verdict:
        """Enqueue so many tasks, kill somebody about every `pause` seconds until nine of ten have ended, and wait at
        most `patience` seconds for an end after that."""
        verdict, began = Verdict(number), time.monotonic()
        (self._folder / "locks").mkdir()
        try:
            self._start_all()
            keys: list[Any] = []
            next_kill = time.monotonic() + pause
            deadline: float | None = None
            while (left := Task.objects.filter(state__in=sorted(ACTIVE)).count()) or len(keys) < number:
                slice_ends = time.monotonic() + ENQUEUE_SLICE
                while len(keys) < number and time.monotonic() < slice_ends:
                    keys.append(self._enqueue(len(keys)))
                self._look(verdict)
                now = time.monotonic()
                if len(keys) == number and left <= number // 10:
                    deadline = deadline or now + patience
                    if now > deadline:
                        break
                elif now >= next_kill:
                    self._kill(verdict)
                    next_kill = time.monotonic() + self._dice.uniform(0.5, 1.5) * pause
                self._start_all()
                time.sleep(0.1)
        finally:
            self._stop_all()
        verdict.seconds = time.monotonic() - began
        self._judge(verdict, keys)
        return verdict

    def _enqueue(self, number: int) -> Any:
        job = FencedOnce if number % 10 == 0 else Fenced
        params = {"file": str(self._folder / "said"), "locks": str(self._folder / "locks"), "number": number,
                  "seconds": round(self._dice.uniform(0, 0.05), 3)}
        return enqueue(job, params, lane=LANES[number % 3], priority=self._dice.randint(1, 10)).pk

    # --- the processes ------------------------------------------------------------------------------------------------

    def _start_all(self) -> None:
        for place, worker in enumerate(self._workers):
            if worker is None or worker.poll() is not None:
                self._count += 1
                # Two serve all lanes, the others two each.
                lanes = LANES if place < 2 else LANES[place % 2 : place % 2 + 2]
                name = f"chaos-{os.getpid()}-{self._count}"
                self._workers[place] = self._start("worker", "--name", name, "--lanes", ",".join(lanes))
        if self._watch is None or self._watch.poll() is not None:
            self._watch = self._start("watch")

    def _start(self, *arguments: str) -> subprocess.Popen:
        with (self._folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, str(REPOSITORY / "manage.py"), *arguments], cwd=REPOSITORY,
                                    env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    start_new_session=True)

    def _stop_all(self) -> None:
        mine = [process for process in (*self._workers, self._watch) if process is not None]
        for process in mine:
            process.terminate()
        for process in mine:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _kill(self, verdict: Verdict) -> None:
        victim = self._dice.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        if victim == "redis":
            self._redis.kill()
            time.sleep(self._dice.uniform(0, 1))
            self._redis.start()
        elif victim == "watch":
            self._watch.kill()
        elif victim == "worker":
            self._dice.choice(self._workers).kill()
        else:
            running = list(Attempt.objects.filter(ended_at=None).order_by("id"))
            if not running:
                return
            attempt = self._dice.choice(running)
            if not is_alive(attempt.pid, attempt.pid_started):
                return
            os.kill(attempt.pid, signal.SIGKILL)
        verdict.kills[victim] += 1

    # --- what has to be true ------------------------------------------------------------------------------------------

    def _look(self, verdict: Verdict) -> None:
        """For how long which tasks have been in nobody's hands: running without a process, queued on no list."""
        lost = {("dead", attempt.pk) for attempt in Attempt.objects.filter(ended_at=None, task__state=TaskState.RUNNING)
                if not is_alive(attempt.pid, attempt.pid_started)}  # fmt: skip
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

    def _judge(self, verdict: Verdict, keys: list[Any]) -> None:
        rows: dict[Any, str] = {}
        for start in range(0, len(keys), 500):
            rows |= dict(Task.objects.filter(pk__in=keys[start : start + 500]).values_list("pk", "state"))
        verdict.missing = verdict.asked - len(rows)
        verdict.ended = Counter(str(state) for state in rows.values() if state in ENDED)
        attempts: dict[Any, list[Attempt]] = {}
        for attempt in Attempt.objects.order_by("task", "number"):
            attempts.setdefault(attempt.task_id, []).append(attempt)
        verdict.attempts = sum(map(len, attempts.values()))
        said = [line.split() for line in (self._folder / "said").read_text().splitlines()]
        verdict.twice = sum(word == "twice" for word, _ in said)
        begun = Counter(attempt for word, attempt in said if word == "began")
        finished = {attempt for word, attempt in said if word == "ended"}
        known = {str(attempt.pk): attempt for each in attempts.values() for attempt in each}
        # Each attempt began once, under an id that the database knows; who succeeded had come to its end; and no
        # attempt has begun before the one before it had ended.
        verdict.unfenced = (
            sum(number > 1 or attempt not in known for attempt, number in begun.items())
            + sum(attempt.outcome == "succeeded" and key not in finished for key, attempt in known.items())
            + sum(one.ended_at is None or one.ended_at > two.started_at
                  for each in attempts.values() for one, two in pairwise(each))
        )  # fmt: skip
