"""How a task waits for its children without holding a worker: it is blocked, and runs again when they have ended."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from tasks.actions import enqueue
from tasks.cancellation import TaskWaits
from tasks.dependencies import add, reason, refuse_circle
from tasks.job import Child
from tasks.models import Attempt, Task
from tasks.moves import move
from tasks.settle import close_attempt, end_or_cancel, release
from tasks.states import ACTIVE, TaskState


def suspend(task: Task, attempt: int, waits: TaskWaits, **fields: Any) -> TaskState | None:
    """Write the children, and block the task until they have ended, in one transaction; returns its new state.

    None, and no child, when a newer attempt runs or another has ended it; `cancelled`, and no child, when somebody has
    asked for that. Raises BadTask and SubjectBusy for children that cannot be; then nothing has changed.
    """
    before = task.state
    try:
        with transaction.atomic():
            now = timezone.now()
            # First, for it decides: an attempt that has been superseded makes no children.
            fields = {**fields, "due_at": None}
            if move(task, TaskState.BLOCKED, sources={TaskState.RUNNING}, fence=attempt, wanted=True, action="waiting",
                    fact={"attempt": attempt, "tasks": len(waits.children)}, **fields):  # fmt: skip
                needs = [_written(each, task) for each in waits.children]
                refuse_circle([task.pk], [each.pk for each in needs if each.state in ACTIVE])
                add(task, needs, waits.unless_succeeded)
                task.reason = reason(needs)
                Task.objects.filter(pk=task.pk).update(reason=task.reason)
                close_attempt(task, attempt, {"outcome": Attempt.Outcome.WAITED, "ended_at": now})
                # All of them may have ended before, or end while this is being written.
                return release(task, look_again=True) or TaskState.BLOCKED
    except BaseException:
        task.state = before
        raise
    return end_or_cancel(task, attempt=attempt, error="It could not begin to wait for its children.", **fields)


def _written(child: Child | Task, parent: Task) -> Task:
    return child if isinstance(child, Task) else enqueue(child.job, child.params, parent=parent, **child.options)
