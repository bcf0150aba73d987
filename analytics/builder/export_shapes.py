"""What is told of an export that a task makes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from analytics.builder.models import Export
from tasks.models import Task
from tasks.progress import shown

MADE, EXPIRED, GONE = "made", "expired", "failed"


def tasks_of(exports: Iterable[Export]) -> dict[str, Task]:
    """The newest task of each, by its subject."""
    found = Task.objects.filter(subject__in=[one.subject for one in exports]).defer("params", "detail")
    return {task.subject: task for task in found.order_by("id")}


def state_of(export: Export, task: Task | None, now: datetime) -> str:
    """`made` or `expired`; before that the state of its task, whatever became of an earlier one."""
    if export.expires_at <= now:
        return EXPIRED
    if export.made_at is not None:
        return MADE
    return str(task.state) if task else GONE


def shape(export: Export, task: Task | None) -> dict[str, Any]:
    """As the API tells it."""
    now = timezone.now()
    state = state_of(export, task, now)
    return {
        "id": export.pk, "task_id": task.pk if task else None, "state": state,
        "progress": 100.0 if state == MADE else shown(task, now)[0] if task else None,
        "error": task.error or None if task and state == GONE else None,
        "query": export.query, "format": export.format, "title": export.title, "rows": export.rows,
        "size": export.size, "url": f"/api/analytics/exports/{export.pk}/file" if state == MADE else None,
        "created_by": export.created_by, "created_at": export.created_at, "made_at": export.made_at,
        "expires_at": export.expires_at,
    }  # fmt: skip


def shape_by_task(task: Task) -> dict[str, Any]:
    """The same, of the export that a task makes. Raises Export.DoesNotExist when it was removed."""
    return shape(Export.objects.get(pk=task.params["export"]), task)
