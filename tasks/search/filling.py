"""The documents of tasks are written by whoever comes first: `watch`, every second, or a search that needs them.

Written together they cost a fraction of what each would cost its own task, and an enqueue does not wait for it. As a
search writes what is missing before it looks, it finds the same as if every task had written its own.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Model

from tasks.models import LogLine, Task
from tasks.search.documents import LINE, LINES, document
from tasks.search.models import Unwritten

BATCH = 200
COLUMNS = ("id", "title", "job", "params", "error", "steps", "attempt")
# So many pages of its index SQLite merges in one go: some hundredths of a second in which nobody else writes.
PAGES = 200
# Names the lock of who writes documents among the advisory locks of a PostgreSQL database.
ADVISORY_LOCK = 4_872_002


def catch_up(within: float | None = None) -> int:
    """Write the documents of all tasks that are noted now, in short transactions, for so many seconds at most. Returns
    how many notes are left of these."""
    until = Unwritten.objects.aggregate(last=Max("id"))["last"]
    if until is None:
        return 0
    last, deadline = 0, None if within is None else time.monotonic() + within
    while (batch := _batch(last, until)) is not None:
        last = batch
        if deadline is not None and time.monotonic() > deadline:
            return Unwritten.objects.filter(id__gt=last, id__lte=until).count()
    return 0


def keep_up() -> None:
    """What `watch` does: catch up, a second at a time."""
    catch_up(1.0)


def fill(task: type[Model], line: type[Model], told: Callable[[int], None] = lambda done: None) -> int:
    """Write the documents of all tasks anew, oldest first, in short transactions; returns how many. The models may be
    those of a migration. `told` hears how many are done."""
    done, last = 0, uuid.UUID(int=0)
    while True:
        with transaction.atomic():
            rows = list(task.objects.filter(pk__gt=last).order_by("pk").only(*COLUMNS)[:BATCH])
            _write(rows, line)
        if not rows:
            return done
        done, last = done + len(rows), rows[-1].pk
        told(done)


def tidy() -> Iterator[None]:
    """Make one part of the many in which SQLite's index of words has grown, in many short transactions: to look up one
    document takes a look into each part. PostgreSQL's index has no parts."""
    if connection.vendor == "postgresql":
        return
    pages = -PAGES  # from the beginning: all parts count as equal
    while _merge(pages):
        yield
        pages = PAGES


def _merge(pages: int) -> bool:
    """Whether there was something to merge."""
    with connection.cursor() as cursor:
        before = connection.connection.total_changes
        cursor.execute("INSERT INTO tasks_words(tasks_words, rank) VALUES ('merge', %s)", [pages])
        return connection.connection.total_changes - before > 1


def _batch(after: int, until: int) -> int | None:
    """Write the next few; returns the number of the last note, None when there was none."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            # One at a time, so that what was read later is written later. On SQLite nobody else writes anyway.
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        notes = list(Unwritten.objects.filter(id__gt=after, id__lte=until).order_by("id")[:BATCH])
        if not notes:
            return None
        rows = {row.pk: row for row in Task.everything.filter(pk__in={note.task for note in notes}).only(*COLUMNS)}
        free = _held(rows)
        _write([rows[key] for key in sorted(free)], LogLine)
        # The note of a task that is just being removed stays, in case that it is not.
        Unwritten.objects.filter(
            pk__in=[note.pk for note in notes if note.task in free or note.task not in rows]).delete()
    return notes[-1].pk


def _held(keys: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Those of these tasks that nobody can remove before we commit: no document is left without its task."""
    if connection.vendor != "postgresql":
        return set(keys)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tasks_task WHERE id = ANY(%s) FOR KEY SHARE SKIP LOCKED", [list(keys)])
        return {key for (key,) in cursor.fetchall()}


def _write(rows: list[Any], line: type[Model]) -> None:
    statements = [document(row, _log_tail(line, row.pk) if row.attempt else []) for row in rows]
    if statements:
        with connection.cursor() as cursor:
            cursor.executemany(statements[0].sql, [statement.params for statement in statements])


def _log_tail(line: type[Model], key: uuid.UUID) -> list[str]:
    texts = line._base_manager.filter(task=key).order_by("-id").values_list("text", flat=True)[:LINES]
    return [text[:LINE] for text in reversed(texts)]
