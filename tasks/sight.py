"""The task that somebody means by its id."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404

from events.sight import looked_at_by_actor
from tasks.models import Task


def task_or_404(task_id: UUID, tasks: QuerySet[Task] | None = None) -> Task:
    """The task of that id (one of `tasks`, where they are given). Raises Http404, or PermissionDenied where somebody
    may look at it, and not do what they ask."""
    try:
        return (Task.objects if tasks is None else tasks).get(pk=task_id)
    except Task.DoesNotExist:
        if looked_at_by_actor(Task.everything.filter(pk=task_id), "subject").exists():
            raise PermissionDenied("You may look at this task, and not change it.") from None
        raise Http404(f"There is no task {task_id}.") from None
