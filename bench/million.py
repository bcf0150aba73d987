"""Tasks as a Hub would have them after months. A million take a few minutes: the rows are patterns that were made by
Hub's own code, written with other ids, times and endings, and the indexes are built when all of them are there."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import connection, transaction

from events.statements import insertion
from tasks.models import Attempt, Task
from tasks.search import documents
from tasks.search.rowids import rowid

BATCH = 20_000
# So many different names and parameters there are of tasks in each state.
PATTERNS = 1000
DAYS = 90
JOBS = {
    "projects.start": "stacks", "projects.stop": "stacks", "projects.restart": "stacks", "projects.copy": "stacks",
    "metrics.sync": "metrics", "reports.generate": "reports", "backup.run": "default", "mail.send": "default",
    "images.resize": "default", "export.rows": "reports",
}  # fmt: skip
ERRORS = (
    "api exited with code 1: ModuleNotFoundError: No module named 'psycopg'",
    "ConnectionRefusedError: [Errno 111] Connection refused while talking to db:5432",
    "It took longer than 3600 s, and was told to end: timeout",
    "port 8010 is taken by another process",
    "OSError: [Errno 28] No space left on device",
)
NOUNS = ("ledger", "parcel", "harbour", "gallery", "field", "statement", "invoice", "widget", "report", "kiosk",
         "tracker", "archive", "beacon", "cinder", "delta", "ember", "fjord", "grove", "hollow", "island")


def generate(count: int, until: datetime | None = None, seed: int = 7) -> None:
    """Write so many tasks, with attempts and documents, spread over the 90 days before `until`. The last few wait."""
    chance, until = random.Random(seed), until or datetime.now(UTC)
    step = timedelta(days=DAYS) / count
    patterns = {state: [Pattern(_task(chance, state)) for _ in range(min(PATTERNS, count))]
                for state in STATES}
    rare = Pattern(_task(chance, "succeeded", note="xylophone"))
    with without_indexes("tasks_task", "tasks_attempt", "tasks_document"):
        for begin in range(0, count, BATCH):
            tasks, words, attempts = [], [], []
            for number in range(begin, min(begin + BATCH, count)):
                created = until - step * (count - number)
                state = _state(chance, number, count)
                pattern = rare if number % 100_000 == 99_999 else chance.choice(patterns[state])
                key = uuid_at(created, chance)
                row, tried = pattern.task(key, created, chance)
                tasks.append(row)
                words.append(pattern.document(key))
                attempts += tried
            with transaction.atomic():
                _write("tasks_task", [field.column for field in Task._meta.concrete_fields], tasks)
                _write(*DOCUMENTS[connection.vendor], words)
                _write("tasks_attempt", [field.column for field in Attempt._meta.concrete_fields], attempts)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "postgresql" else "PRAGMA wal_checkpoint(TRUNCATE)")


def uuid_at(moment: datetime, chance: random.Random) -> uuid.UUID:
    """An id as it would have been made then."""
    nanoseconds = int(moment.timestamp() * 1_000_000) * 1000 + chance.randrange(1000)
    stamp = (nanoseconds // 1_000_000 << 12) | (nanoseconds % 1_000_000 * 4096 // 1_000_000)
    return uuid.UUID(int=(stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | chance.getrandbits(62))


@dataclass
class Pattern:
    """A task that is written many times, each time with another id, time and length."""

    model: Task

    @cached_property
    def _row(self) -> tuple[Any, ...]:
        return insertion(self.model).params

    @cached_property
    def _document(self) -> tuple[Any, ...]:
        return documents.document(self.model, []).params

    @cached_property
    def _attempts(self) -> list[tuple[Any, ...]]:
        return [insertion(Attempt(
            task=self.model, number=number, worker=f"studio-{self.model.params['customer'] % 8 + 1}.1", host="studio",
            pid=1000 + self.model.params["customer"], pid_started=1, correlation_id=self.model.correlation_id,
            outcome="" if not self.model.has_ended else
            self.model.state if number == self.model.attempt else "died",
        )).params for number in range(1, self.model.attempt + 1)]

    def task(self, key: uuid.UUID, created: datetime, chance: random.Random) -> tuple[tuple, list[tuple]]:
        """The row of a task, and those of its attempts."""
        began, ended = bool(self.model.attempt), self.model.has_ended
        started = created + timedelta(seconds=chance.expovariate(1 / 4)) if began else None
        finished = (started or created) + timedelta(seconds=chance.lognormvariate(1, 1.5)) if ended else None
        project = f"projects.project:{chance.randrange(1, 500)}" if ended and chance.random() < 0.4 else ""
        row = _with(TASK, self._row, id=_key(key), subject=project, correlation_id=_key(uuid.UUID(int=key.int ^ 1)),
                    priority=chance.choices(range(1, 11), (1, 2, 3, 5, 60, 10, 8, 6, 4, 1))[0],
                    created_at=_time(created), ready_at=_time(created), queued_at=_time(created),
                    started_at=_time(started), finished_at=_time(finished))
        return row, [_with(ATTEMPT, attempt, id=_key(uuid_at(started, chance)), task_id=_key(key),
                           started_at=_time(started), ended_at=_time(finished)) for attempt in self._attempts]

    def document(self, key: uuid.UUID) -> tuple[Any, ...]:
        """The row of its document."""
        if connection.vendor == "postgresql":
            return key, self._document[1]
        return rowid(key), *self._document[1:3], key.hex


TASK = {field.attname: place for place, field in enumerate(Task._meta.concrete_fields)}
ATTEMPT = {field.attname: place for place, field in enumerate(Attempt._meta.concrete_fields)}
STATES = ("queued", "scheduled", "running", "succeeded", "failed", "cancelled")
DOCUMENTS = {"sqlite": ("tasks_words", ["rowid", "name", "body", "task"]),
             "postgresql": ("tasks_document", ["task_id", "words"])}


def _with(places: dict[str, int], row: tuple[Any, ...], **values: Any) -> tuple[Any, ...]:
    changed = list(row)
    for name, value in values.items():
        changed[places[name]] = value
    return tuple(changed)


def _key(value: uuid.UUID) -> Any:
    return value if connection.vendor == "postgresql" else value.hex


def _time(value: datetime | None) -> Any:
    if value is None or connection.vendor == "postgresql":
        return value
    return str(value.replace(tzinfo=None))


def _task(chance: random.Random, state: str, note: str = "") -> Task:
    job = chance.choice([*JOBS])
    noun, other = chance.choice(NOUNS), chance.choice(NOUNS)
    began = state in ("running", "succeeded", "failed")
    return Task(
        job=job, title=f"{job.partition('.')[2].title()} {noun}-{other}", lane=JOBS[job], state=state,
        params={"customer": chance.randrange(50_000), "items": [noun, other], "dry_run": chance.random() < 0.1,
                **({"note": note} if note else {})},
        actor=f"key:{chance.choice(NOUNS)}", attempt=0 if not began else 2 if chance.random() < 0.03 else 1,
        error=chance.choice(ERRORS) if state == "failed" else "",
        result={"rows": chance.randrange(1000)} if state == "succeeded" else None,
        progress=100.0 if state == "succeeded" else None,
    )  # fmt: skip


def _state(chance: random.Random, number: int, count: int) -> str:
    if number >= count - 500:
        return chance.choice(("queued", "scheduled", "running"))
    return chance.choices(("succeeded", "failed", "cancelled"), (94, 4, 2))[0]


@contextmanager
def without_indexes(*tables: str) -> Iterator[None]:
    """Without those indexes that no constraint needs; they are made anew at the end."""
    marks = ", ".join(["%s"] * len(tables))
    known = (f"SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ({marks})"
             " AND indexname NOT IN (SELECT conname FROM pg_constraint)" if connection.vendor == "postgresql" else
             f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({marks})")
    with connection.cursor() as cursor:
        cursor.execute(known, tables)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for _, sql in indexes:
                cursor.execute(sql)


def _write(table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    names = ", ".join(map(connection.ops.quote_name, columns))
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        with connection.connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        connection.connection.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)
