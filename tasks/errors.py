"""What can be wrong with a wish. Every `message` is for the user."""

from __future__ import annotations

from tasks.models import Task


class TaskError(Exception):
    """Something about a task that was asked for and cannot be had."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class BadTask(TaskError):
    """Input that makes no task. `field` names what is wrong: job, params, priority, lane, run_at, subject,
    depends_on, unless_succeeded or node."""

    def __init__(self, message: str, field: str = ""):
        super().__init__(message)
        self.field = field


class SubjectBusy(TaskError):
    """Another task is active on the subject; it is `task`."""

    def __init__(self, task: Task):
        state = "is being cancelled" if task.cancel_requested else f"is {task.get_state_display().lower()}"
        super().__init__(f"“{task.title}” {state}. Wait until it has ended, or cancel it.")
        self.task = task


class AlreadyEnded(TaskError):
    """There is nothing left to cancel."""

    def __init__(self, task: Task):
        super().__init__(f"“{task.title}” has already ended: it {_ENDED[task.state]}.")
        self.task = task


class StillActive(TaskError):
    """A task that has not ended cannot be tried again."""

    def __init__(self, task: Task):
        super().__init__(f"“{task.title}” is {task.get_state_display().lower()}. It can be retried when it has ended.")
        self.task = task


class NotWaiting(TaskError):
    """What was asked for is for tasks that wait only."""

    def __init__(self, task: Task):
        what = _ENDED.get(task.state)
        super().__init__(f"“{task.title}” " + (f"has ended: it {what}." if what else "runs already."))
        self.task = task


class BadLimit(BadTask):
    """A limit that cannot be set. `field` names what is wrong: name, cap, rate, period, prefix, workers, reason."""


_ENDED = {"succeeded": "succeeded", "failed": "failed", "cancelled": "was cancelled"}
