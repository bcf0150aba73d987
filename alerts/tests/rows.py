"""Tasks for tests of measures, as rows: what they did is in their times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from tasks.models import Task
from tasks.states import TaskState


def ended(number: int, state: TaskState = TaskState.SUCCEEDED, *, ran: float = 1.0, ago: float = 5.0,
          **fields: Any) -> list[Task]:
    """So many that ended `ago` seconds ago after `ran` seconds."""
    end = timezone.now() - timedelta(seconds=ago)
    begun = end - timedelta(seconds=ran)
    return Task.objects.bulk_create(
        Task(**{"job": "demo.sleep", "title": "Sleep", "state": state, "actor": "test", "created_at": begun,
                "queued_at": begun,
                "started_at": begun, "finished_at": end, **fields}) for _ in range(number))


def waiting(number: int, *, since: float = 1.0, **fields: Any) -> list[Task]:
    """So many that wait for a worker since so many seconds."""
    return Task.objects.bulk_create(
        Task(**{"job": "demo.sleep", "title": "Sleep", "state": TaskState.QUEUED, "actor": "test",
                "queued_at": timezone.now() - timedelta(seconds=since), **fields}) for _ in range(number))
