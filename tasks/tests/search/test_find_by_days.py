"""Tasks are found by the days in which they were created, also those whose ids were made at another time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from tasks.models import Task
from tasks.search import finding, walking
from tasks.search.finding import take
from tasks.search.query import read

pytestmark = pytest.mark.django_db
FIRST = datetime(2026, 9, 1, tzinfo=UTC)
QUERIES = {
    "created:2026-09-03": (2, 2), "created:2026-09-02..2026-09-05": (1, 4), "created:<2026-09-03": (0, 1),
    "created:>2026-09-08": (8, 9), "created:2026-09-04.. state:failed": (3, 9), "created:2027-01-01": (11, 10),
    "created:2026-09-02.. created:..2026-09-03": (1, 2), "-created:2026-09-03..2026-09-10": (0, 1),
}  # fmt: skip


def at(moment: datetime, chance: int) -> uuid.UUID:
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | chance)


@pytest.fixture
def ten_days() -> list[Task]:
    """Four tasks a day, all but the last one of each with the id of its moment: that is a month older, or younger."""
    made = []
    for day in range(10):
        for hour in range(4):
            created = FIRST + timedelta(days=day, hours=6 * hour, microseconds=999_999 * (hour == 3))
            off = timedelta(days=30 if day % 2 else -30) * (hour == 3)
            made.append(Task(id=at(created + off, len(made)), created_at=created, title=f"{day}.{hour} word", job="x",
                             actor="x", state="failed" if hour % 2 else "succeeded"))
    Task.objects.bulk_create(made)
    return sorted(made, key=lambda task: task.pk)


@pytest.mark.parametrize("text", QUERIES)
@pytest.mark.parametrize("few", [True, False])
def test_in_parts_of_every_length_and_both_orders(ten_days, text, few, monkeypatch):
    monkeypatch.setattr(walking, "NEAR", 3)
    monkeypatch.setattr(walking, "FARTHER", 5)
    monkeypatch.setattr(finding, "FEW", 100 if few else 0)
    low, high = QUERIES[text]
    days = [(task.created_at - FIRST).days for task in ten_days]
    wanted = [task.pk for task, day in zip(ten_days, days, strict=True)
              if low <= day <= high and ("failed" not in text or task.state == "failed")]
    for ascending in (True, False):
        for limit in (2, 7, 200):
            cursor, found = "", []
            while cursor is not None:
                part = take(Task.objects.all(), read(text), limit=limit, cursor=cursor, ascending=ascending)
                found += [task.pk for task in part.items]
                cursor = part.next_cursor
            assert found == (wanted if ascending else wanted[::-1])


def test_an_index_holds_those_alone_whose_ids_were_made_at_another_time(ten_days):
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + str(_misdated()[0]), _misdated()[1])
            assert "task_misdated" in str(cursor.fetchall())
    low = at(FIRST, 0)
    found = finding._misdated([("gte", FIRST)], low, None)
    assert set(found) == {task.pk for task in ten_days if task.title.split()[0].endswith(".3") and task.pk < low}


def _misdated() -> tuple[str, tuple]:
    rows = Task.objects.filter(finding.Misdated("id", "created_at"), created_at__gte=FIRST).order_by()
    return rows.values("pk").query.sql_with_params()
