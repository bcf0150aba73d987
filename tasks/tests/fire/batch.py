"""Many tasks at once, as cheap as they can be written: for what comes after an enqueue, not for the enqueue."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from tasks.actions import check
from tasks.models import Task
from tasks.settle import push
from tasks.tests.messy.jobs import Nothing


def write(priorities: Iterable[int], lane: str = "default") -> list[Task]:
    """Tasks that do nothing, with these priorities, on their queue in this order."""
    tasks = [check(Nothing, {}, priority=priority, lane=lane) for priority in priorities]
    with transaction.atomic():
        Task.objects.bulk_create(tasks)
    for task in tasks:
        push(task)
    return tasks
