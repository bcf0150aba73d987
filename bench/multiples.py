"""Tasks many times over, written by PostgreSQL itself: each time what has ended, so many days earlier."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.models import DateTimeField, Model

from bench.million import DAYS, without_indexes
from tasks.models import Attempt, Task

PARTS = ("tasks_task", "tasks_attempt", "tasks_document")


def multiply(times: int) -> None:
    """Make so many of each task that has ended: ids and times go back by ninety days with each."""
    first = Task.objects.order_by("pk").values_list("pk", flat=True)[0]
    with without_indexes(*PARTS), connection.cursor() as cursor:
        for turn in range(1, times):
            back = timedelta(days=DAYS * turn)
            moved = {"id": _earlier("id", back), "correlation_id": "gen_random_uuid()"}
            cursor.execute(_copies(Task, moved, "finished_at IS NOT NULL AND id >= %s", back), [first])
            moved["task_id"] = _earlier("task_id", back)
            cursor.execute(_copies(Attempt, moved, "ended_at IS NOT NULL AND task_id >= %s", back), [first])
            cursor.execute(f"INSERT INTO tasks_document (task_id, words) SELECT {_earlier('id', back)}, words"
                           " FROM tasks_document JOIN tasks_task ON id = task_id"
                           " WHERE finished_at IS NOT NULL AND id >= %s", [first])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE tasks_task, tasks_attempt, tasks_document")


def _copies(model: type[Model], values: dict[str, str], where: str, back: timedelta) -> str:
    columns = [(field.column, field) for field in model._meta.concrete_fields]
    given = [values.get(column) or (f"{column} - INTERVAL '{back.days} days'" if isinstance(field, DateTimeField)
                                    else f'"{column}"') for column, field in columns]
    names, table = ", ".join(f'"{column}"' for column, _ in columns), model._meta.db_table
    return f"INSERT INTO {table} ({names}) SELECT {', '.join(given)} FROM {table} WHERE {where}"


def _earlier(column: str, back: timedelta) -> str:
    """An id with the time of its making put back."""
    digits = f"REPLACE({column}::text, '-', '')"
    made = f"('x' || SUBSTR({digits}, 1, 12))::bit(48)::bigint - {back // timedelta(milliseconds=1)}"
    return f"(LPAD(TO_HEX({made}), 12, '0') || SUBSTR({digits}, 13))::uuid"
