"""What the page of a change of many shows of it."""

from __future__ import annotations

from typing import Any

from tasks.bulk.job import Bulk, summary
from tasks.models import Task

SHOWN = 20


def progress_of(task: Task) -> dict[str, Any] | None:
    """`done`, `left`, the last `items`, and whether there are `more`, at `url`; None for every other job."""
    if task.job != Bulk.name:
        return None
    rows = list(task.bulk_items.order_by("-id")[: SHOWN + 1])
    there = set(Task.objects.filter(pk__in=[row.item for row in rows]).values_list("pk", flat=True))
    for row in rows:
        row.there = row.item in there
    return {**summary(task), "items": rows[:SHOWN], "more": len(rows) > SHOWN, "url": f"/api/tasks/bulk/{task.pk}"}
