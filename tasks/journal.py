"""A task's log: lines that are gathered here and written together."""

from __future__ import annotations

from collections import deque

from django.db import IntegrityError
from django.utils import timezone

from tasks.jsonvalues import cleaned
from tasks.models import LogLine, Task

MAX_LINE = 10_000
# What one attempt may keep: a job that talks without end must not fill the disk.
MAX_LINES = 5_000
BATCH = 500


class Journal:
    """The lines of one attempt. `add` costs no database access; `write` stores what has gathered."""

    def __init__(self, task: Task):
        self._task = task
        self._waiting: deque[LogLine] = deque()
        self._count = 0

    def add(self, text: str, level: str, source: str) -> None:
        """Keep a line; from the 5,000th on only a note that there were more."""
        level = LogLine.Level(level)
        self._count += 1
        if self._count > MAX_LINES:
            return
        if self._count == MAX_LINES:
            text, level, source = "More lines were said; they are left out.", LogLine.Level.WARNING, ""
        self._waiting.append(LogLine(
            task_id=self._task.pk, attempt=self._task.attempt, at=timezone.now(), level=level,
            source=cleaned(source)[:100], text=cleaned(text, MAX_LINE), correlation_id=self._task.correlation_id,
        ))  # fmt: skip

    @property
    def is_empty(self) -> bool:
        """Whether no line was ever said."""
        return self._count == 0

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def write(self) -> None:
        """Store the waiting lines; what cannot be stored now goes on waiting. A task that was deleted has no log."""
        while self._waiting:
            batch = [self._waiting[place] for place in range(min(BATCH, len(self._waiting)))]
            try:
                LogLine.objects.bulk_create(batch)
            except IntegrityError:
                if Task.objects.filter(pk=self._task.pk).exists():
                    raise
            for _ in batch:
                self._waiting.popleft()
