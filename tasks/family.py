"""How a task waits for its children without holding a worker: it is blocked, and runs again when they have ended."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from events.statements import run
from tasks.actions import enqueue
from tasks.cancellation import TaskWaits
from tasks.dependencies import added, reason, refuse_circle
from tasks.ending import Ending, close_attempt
from tasks.job import Child
from tasks.models import Attempt, Task
from tasks.moves import move
from tasks.release import release
from tasks.settle import end_or_cancel
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
                run(*added(task, needs, waits.unless_succeeded))
                task.reason = reason(needs)
                Task.everything.filter(pk=task.pk).update(reason=task.reason)
                close_attempt(task, Ending(attempt=attempt, outcome=Attempt.Outcome.WAITED), now)
                # All of them may have ended before, or end while this is being written.
                return release(task) or TaskState.BLOCKED
    except BaseException:
        task.state = before
        raise
    error = "It could not begin to wait for its children."
    return end_or_cancel(task, Ending(attempt=attempt, error=error, fields=fields))


def _written(child: Child | Task, parent: Task) -> Task:
    return child if isinstance(child, Task) else enqueue(child.job, child.params, parent=parent, **child.options)
