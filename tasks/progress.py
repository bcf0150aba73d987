"""How far a task is: told by its job, written at most once a second, and shown between the writes."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, connections
from django.utils import timezone

from tasks import steps as counting
from tasks.cancellation import TaskCancelled, interrupt, interrupt_from_thread, shielded
from tasks.history import usual_lengths
from tasks.journal import Journal
from tasks.jsonvalues import cleaned
from tasks.models import Task
from tasks.states import TaskState

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL = 1.0
LOG_INTERVAL = 0.5
CHECK_INTERVAL = 1.0


def shown(task: Task, now: datetime | None = None) -> tuple[float | None, float | None]:
    """(per cent, remaining seconds) of a task at a moment; None where nobody knows.

    Moves on by time within a step that has a history, never backwards, never past the end of the step, and is 100
    only for a task that has succeeded.
    """
    now = now or timezone.now()
    if task.state == TaskState.SUCCEEDED:
        return 100.0, None
    if task.state != TaskState.RUNNING:
        return task.progress, None
    return _at_least(task.progress, counting.percent(task.steps, now)), counting.remaining(task.steps, now)


def _at_least(floor: float | None, value: float | None) -> float | None:
    known = [number for number in (floor, value) if number is not None]
    return max(known) if known else None


class Progress:
    """What a job says about itself while it runs. All methods are cheap: a thread of its own does the writing.

    The thread writes log lines within half a second, counts at most once a second, and a step that begins or ends
    at once. Inside a transaction (tests) there is no thread, and the caller writes.
    """

    def __init__(self, task: Task):
        self._task = task
        self._steps: list[counting.Step] = []
        self._history: dict[str, counting.Usual] | None = None
        self._floor = task.progress
        self._journal = Journal(task)
        self._changed = threading.Condition(threading.RLock())
        self._dirty = self._urgent = self._closing = self._superseded = False
        self._written_at = self._logged_at = self._checked_at = 0.0
        self._thread: threading.Thread | None = None
        self._inline = connection.in_atomic_block

    def plan(self, plan: Iterable[tuple[str, str]]) -> None:
        """Say which steps there are, as (key, label), in order. Again: replaces those that have not begun."""
        plan = [(cleaned(key), cleaned(label, 300)) for key, label in plan]
        with shielded(), self._changed:
            if self._history is None:
                self._history = usual_lengths(self._task)
            self._raise_floor()
            self._steps = counting.planned(self._steps, plan, self._history)
            self._touch(urgent=True)

    def update(self, key: str, done: int | None = None, total: int | None = None, detail: str | None = None) -> None:
        """Say what is so of a step; the first word about it begins it. `done` never goes down."""
        with shielded(), self._changed:
            step = self._step(key)
            self._raise_floor()
            begins = step["started"] is None
            if begins:
                step["started"] = timezone.now().isoformat()
            if total is not None:
                step["total"] = max(int(total), 1)
            if done is not None:
                step["done"] = min(max(int(done), step["done"]), step["total"])
            if detail is not None:
                step["detail"] = cleaned(detail, 300)
            self._touch(urgent=begins)

    def finish(self, key: str) -> None:
        """Say that a step has ended; once ended it stays so."""
        with shielded(), self._changed:
            step = self._step(key)
            if step["ended"]:
                return
            self._raise_floor()
            step["ended"] = timezone.now().isoformat()
            step["started"] = step["started"] or step["ended"]
            step["done"] = step["total"]
            self._touch(urgent=True)

    def give_up(self) -> None:
        """Say that the steps that have begun and not ended failed, and that the others do not come, where the task goes
        on with something else; a new plan says with what."""
        with shielded(), self._changed:
            self._raise_floor()
            self._steps = [step for step in self._steps if step["started"]]
            for step in self._steps:
                if not step["ended"]:
                    step.update(ended=timezone.now().isoformat(), failed=True)
            self._touch(urgent=True)

    def check(self) -> None:
        """Raises TaskCancelled when the task was asked to stop. Asks the database at most once a second."""
        now = time.monotonic()
        if now - self._checked_at >= CHECK_INTERVAL:
            self._checked_at = now
            row = Task.objects.filter(pk=self._task.pk).values_list("state", "attempt", "cancel_requested").first()
            if row is None or row[:2] != (TaskState.RUNNING, self._task.attempt):
                self._superseded = True
            elif row[2]:
                interrupt(TaskCancelled("The task was cancelled."))
        if self._superseded:
            interrupt(TaskCancelled("Another attempt has taken over, or the task is gone."))

    def log(self, text: str, level: str = "info", source: str = "") -> None:
        """Say a line; `level` is debug, info, warning or error, `source` who said it. Raises ValueError for others."""
        with shielded(), self._changed:
            for line in text.splitlines() or [""]:
                self._journal.add(line, level, source)
            self._wake()

    def close(self, *, succeeded: bool) -> dict[str, Any]:
        """Stop writing, store the waiting log lines, and return the task's last fields, for whoever settles it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._journal.write()
        # Earlier attempts may have said something.
        self._task.silent = self._journal.is_empty and self._task.attempt == 1
        now = timezone.now()
        if succeeded:
            for step in self._steps:
                if step["started"] and not step["ended"]:
                    step["ended"], step["done"] = now.isoformat(), step["total"]
        return {**self._fields(now), "due_at": None}

    def _step(self, key: str) -> counting.Step:
        return counting.find(self._steps, key, self._history or {})

    def _raise_floor(self) -> None:
        self._floor = _at_least(self._floor, counting.percent(self._steps, timezone.now()))

    def _fields(self, now: datetime) -> dict[str, Any]:
        self._raise_floor()
        step, left = counting.current(self._steps), counting.remaining(self._steps, now)
        return {
            "steps": copy.deepcopy(self._steps),
            "step": cleaned(step["label"])[:300] if step else "",
            "steps_done": counting.finished(self._steps),
            "steps_total": len(self._steps),
            "progress": self._floor,
            "due_at": None if left is None else now + timedelta(seconds=left),
        }

    def _touch(self, *, urgent: bool) -> None:
        self._dirty = True
        self._urgent = self._urgent or urgent
        self._wake()

    def _wake(self) -> None:
        if self._closing:
            return
        if self._inline:
            if self._pause() <= 0:
                self._write()
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_writing, name="progress", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _pause(self) -> float:
        """Seconds until there is something to write; infinite when nothing waits."""
        now, due = time.monotonic(), [float("inf")]
        if self._dirty:
            due.append(0.0 if self._urgent else self._written_at + PROGRESS_INTERVAL - now)
        if self._journal.has_waiting:
            due.append(self._logged_at + LOG_INTERVAL - now)
        return min(due)

    def _keep_writing(self) -> None:
        try:
            while True:
                with self._changed:
                    while not self._closing and (pause := self._pause()) > 0:
                        self._changed.wait(None if pause == float("inf") else pause)
                    if self._closing:
                        return
                try:
                    self._write()
                except DatabaseError:
                    # Nothing is lost: it waits for the next try, and the end of the task is written apart from it.
                    logger.warning("The progress of task %s cannot be written now.", self._task.pk, exc_info=True)
                    connections.close_all()
                    with self._changed:
                        self._dirty = True
                        self._changed.wait(PROGRESS_INTERVAL)
        finally:
            connections.close_all()

    def _write(self) -> None:
        with self._changed:
            fields = self._fields(timezone.now()) if self._dirty else None
            self._dirty = self._urgent = False
            now = time.monotonic()
            if fields is not None:
                self._written_at = now
            self._logged_at = now
        if fields is not None:
            rows = Task.objects.filter(pk=self._task.pk, state=TaskState.RUNNING, attempt=self._task.attempt)
            if not rows.update(**fields):
                self._superseded = True
                interrupt_from_thread()
        self._journal.write()

