"""The use cases of changing many tasks."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from events.actions import record
from tasks.actions import enqueue
from tasks.bulk.job import Bulk
from tasks.bulk.selection import Selection, counted
from tasks.models import Task


def preview(params: dict[str, Any]) -> dict[str, int]:
    """To how many tasks `begin` would come with the same words, exactly. Raises BadTask, BadQuery and
    SearchStopped."""
    chosen = Selection.of(params)
    Bulk.check(params)
    return counted(chosen, params["do"])


def begin(params: dict[str, Any]) -> Task:
    """Write the task that changes all that `{"do", "q"? | "ids"?, "priority"?}` chooses now. Raises as `preview`."""
    chosen = Selection.of(params)
    params = {name: value for name, value in params.items() if value} | {"at": timezone.now().isoformat()}
    with transaction.atomic():
        task = enqueue(Bulk, params)
        record("audit.tasks-change", {"task": str(task.pk), "do": params["do"], "q": chosen.q, "ids": len(chosen.ids)})
    return task
