"""What `watch` sees every ten seconds: workers, what waits, sizes, and what the web processes say of requests."""

from __future__ import annotations

import time
from pathlib import Path

from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone

from analytics import readings, requests
from analytics.readings import Named, Seen
from tasks.models import Task
from tasks.queue import QueueAway, answering
from tasks.queue import connection as redis
from tasks.states import TaskState
from tasks.workers import workers

EXPIRE_EVERY = 3600.0

_expired_at: float | None = None


def sample() -> None:
    """One look."""
    global _expired_at
    now = timezone.now()
    waits = Task.objects.filter(state=TaskState.QUEUED).aggregate(number=Count("pk"), since=Min("queued_at"))
    age = (now - waits["since"]).total_seconds() if waits["since"] else 0.0
    seen: dict[Named, Seen] = {}
    for name, value in (("waiting", waits["number"]), ("oldest", max(age, 0.0)), ("database", database_size())):
        seen[name, ""] = _one(value)
    try:
        found = workers()
        seen["workers", ""] = _one(len(found))
        seen["busy", ""] = _one(sum(1 for one in found if one.task))
        seen["redis", ""] = _one(redis_size())
        seen |= requests.taken()
    except QueueAway:
        seen["redis-away", ""] = _one(1)
    readings.keep(seen, now)
    if _expired_at is None or time.monotonic() - _expired_at >= EXPIRE_EVERY:
        readings.expire(now)
        _expired_at = time.monotonic()


def database_size() -> int:
    """Bytes that the database takes, with what SQLite has still to write into its file."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return cursor.fetchone()[0]
    name = str(connection.settings_dict["NAME"])
    return sum(path.stat().st_size for path in (Path(name), Path(f"{name}-wal")) if path.is_file())


def redis_size() -> int:
    """Bytes that Redis uses. Raises QueueAway."""
    with answering():
        return int(redis().info("memory")["used_memory"])


def _one(value: float) -> Seen:
    seen = Seen()
    seen.see(value)
    return seen
