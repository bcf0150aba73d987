"""A square wave of load on a real Hub that scales its workers, and a verdict on what these did.

The load comes in bursts, each of more tasks than there are workers, and nothing comes between them; a burst begins
sooner after the last than the patience is long. What is judged are the rows: when tasks were queued, and when `watch`
decided on another number of workers. So a machine that is slow, or stalls, is not taken for one that flaps.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"
ENQUEUE = """
import json, os, time
from tasks.actions import enqueue
from tasks.jobs import Sleep
began = time.monotonic()
for at, lengths in json.loads(os.environ["WAVE"]):
    time.sleep(max(0.0, began + at - time.monotonic()))
    for seconds in lengths:
        enqueue(Sleep, {"seconds": seconds})
"""
SCALED = "SELECT timestamp, payload FROM events_event WHERE subject LIKE '%.worker.scaled' ORDER BY id"
TASKS = "SELECT queued_at, state, attempt FROM tasks_task WHERE job = 'demo.sleep' ORDER BY queued_at"
# Seconds by which a task may come too late to be seen by the look that a decision was made on.
JUST_NOW = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """A decision of `watch`: so many `workers` from then on (seconds since the epoch)."""

    at: float
    workers: int
    reason: str


@dataclass(frozen=True, slots=True)
class Wave:
    """`bursts` of `number` tasks of about `seconds`, one every `period` seconds, by the dice of `seed`."""

    bursts: int
    number: int
    seconds: float
    period: float
    seed: int = 1

    def run(self, environ: dict[str, str]) -> None:
        """Let it come over the Hub whose environment that is; returns when the last burst is queued."""
        dice = random.Random(self.seed)
        plan = [(number * self.period + dice.uniform(0, self.period / 10),
                 [round(self.seconds * dice.uniform(0.9, 1.1), 3) for _ in range(self.number)])
                for number in range(self.bursts)]
        subprocess.run([sys.executable, str(MANAGE), "shell", "-v0", "-c", ENQUEUE], check=True,
                       env={**os.environ, **environ, "WAVE": json.dumps(plan)})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a wave: the `changes`, when tasks were `queued`, and how many ended `otherwise` than by succeeding
    in their first attempt."""

    changes: list[Change]
    queued: list[float]
    otherwise: int

    def faults(self, patience: float, cooldown: float) -> dict[str, int]:
        """How often each thing happened that must not."""
        workers = [change.workers for change in self.changes]
        steps = [after - before for before, after in pairwise([*workers[:1], *workers]) if after != before]
        # Between two bursts that lie further apart than the patience it may go down and up again.
        pauses = sum(after - before >= patience for before, after in pairwise(self.queued))
        turns = sum((one > 0) != (two > 0) for one, two in pairwise(steps))
        return {
            "workers that went although tasks had come within the patience": sum(
                patience > change.at - last for change, last in self._downs()),
            "turns from more to fewer and back, beyond the one at the end": max(0, turns - 1 - 2 * pauses),
            "changes sooner than the cooldown allows": sum(
                after.at - before.at < cooldown - 0.1 for before, after in pairwise(self.changes)),
            "changes without a reason": sum(not change.reason for change in self.changes),
            "tasks that did not succeed at once": self.otherwise,
        }

    def _downs(self) -> list[tuple[Change, float]]:
        """Each change to fewer, with when the last task before it was queued."""
        return [(after, max((at for at in self.queued if at <= after.at - JUST_NOW), default=float("-inf")))
                for before, after in pairwise(self.changes) if after.workers < before.workers]


def verdict(data: Path) -> Verdict:
    """What the rows of the Hub in that folder (on SQLite) say."""
    with contextlib.closing(sqlite3.connect(f"file:{data}/hub.sqlite3?mode=ro", uri=True)) as database:
        changes = [Change(_seconds(at), json.loads(payload)["workers"], json.loads(payload)["reason"])
                   for at, payload in database.execute(SCALED)]
        tasks = database.execute(TASKS).fetchall()
    return Verdict(changes, [_seconds(at) for at, _, _ in tasks],
                   sum((state, attempt) != ("succeeded", 1) for _, state, attempt in tasks))


def _seconds(text: str) -> float:
    """A time as SQLite keeps it, in UTC."""
    return datetime.fromisoformat(f"{text}+00:00").timestamp()
