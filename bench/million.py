"""Tasks as a Hub would have them after months: written in batches, so that a million need little memory."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from events.statements import Statement, insertion
from tasks.models import Attempt, Task
from tasks.search import documents

BATCH = 5000
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
    for begin in range(0, count, BATCH):
        numbers = range(begin, min(begin + BATCH, count))
        tasks = [_task(chance, number, until - step * (count - number), count) for number in numbers]
        with transaction.atomic():
            _write(insertion(task) for task in tasks)
            _write(documents.first(task) for task in tasks)
            _write(insertion(attempt) for task in tasks for attempt in _attempts(chance, task))


def uuid_at(moment: datetime, chance: random.Random) -> uuid.UUID:
    """An id as it would have been made then."""
    nanoseconds = int(moment.timestamp() * 1_000_000) * 1000 + chance.randrange(1000)
    stamp = (nanoseconds // 1_000_000 << 12) | (nanoseconds % 1_000_000 * 4096 // 1_000_000)
    return uuid.UUID(int=(stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | chance.getrandbits(62))


def _task(chance: random.Random, number: int, created: datetime, count: int) -> Task:
    job = chance.choice([*JOBS])
    noun, other = chance.choice(NOUNS), chance.choice(NOUNS)
    state = _state(chance, number, count)
    wait = chance.expovariate(1 / 4)
    length = chance.lognormvariate(1, 1.5)
    began = state in ("running", "succeeded", "failed")
    started = created + timedelta(seconds=wait) if began else None
    ended = state in ("succeeded", "failed", "cancelled")
    task = Task(
        id=uuid_at(created, chance), job=job, title=f"{job.partition('.')[2].title()} {noun}-{other}", lane=JOBS[job],
        state=state, priority=chance.choices(range(1, 11), (1, 2, 3, 5, 60, 10, 8, 6, 4, 1))[0], created_at=created,
        params={"customer": chance.randrange(50_000), "items": [noun, other], "dry_run": chance.random() < 0.1},
        actor=f"key:{chance.choice(NOUNS)}", ready_at=created, queued_at=created, started_at=started,
        finished_at=(started or created) + timedelta(seconds=length) if ended else None,
        attempt=0 if not began else 2 if chance.random() < 0.03 else 1,
        error=chance.choice(ERRORS) if state == "failed" else "",
        # One may be active on a subject.
        subject=f"projects.project:{chance.randrange(1, 500)}" if ended and chance.random() < 0.4 else "",
        result={"rows": chance.randrange(1000)} if state == "succeeded" else None,
        progress=100.0 if state == "succeeded" else None,
    )  # fmt: skip
    if number % 100_000 == 99_999:
        task.params["note"] = "xylophone"
    return task


def _state(chance: random.Random, number: int, count: int) -> str:
    if number >= count - 500:
        return chance.choice(("queued", "scheduled", "running"))
    return chance.choices(("succeeded", "failed", "cancelled"), (94, 4, 2))[0]


def _attempts(chance: random.Random, task: Task) -> Iterator[Attempt]:
    for number in range(1, task.attempt + 1):
        yield Attempt(
            id=uuid_at(task.started_at, chance), task=task, number=number, worker=f"studio-{chance.randrange(1, 9)}.1",
            host="studio", pid=chance.randrange(1000, 60_000), pid_started=1, correlation_id=task.correlation_id,
            started_at=task.started_at, ended_at=task.finished_at,
            outcome="" if task.finished_at is None else task.state if number == task.attempt else "died",
        )


def _write(statements: Iterator[Statement]) -> None:
    rows = list(statements)
    with connection.cursor() as cursor:
        cursor.executemany(rows[0].sql, [row.params for row in rows])
