"""The one door out: how a task ends, or goes back to the queue when its process died or it is to be tried again.

The runner, the worker's parent, the rescuer and a cancel all come through here. The row count of one conditional
UPDATE decides who was first, and only that one closes the attempt, calls the job's hook, and lets the tasks go on that
wait for this one, in the same transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils import timezone

from events.context import acting
from tasks.cancellation import TaskTimedOut
from tasks.ending import Ending, close_attempt, end
from tasks.job import job_class
from tasks.jsonvalues import cleaned
from tasks.models import Attempt, Task
from tasks.moves import move
from tasks.pushing import push
from tasks.release import follow
from tasks.retries import deaths, next_retry, pause
from tasks.states import TaskState

__all__ = ["Ending", "died", "end_or_cancel", "failed", "persistently", "push", "settle"]

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
# Of a task that waits: there is nothing to say but the state.
PLAIN = Ending()


def settle(task: Task, to: TaskState, ending: Ending = PLAIN) -> TaskState | None:
    """End a task; returns the state it ended in, None when another was first, a newer attempt runs or, with `wanted`,
    somebody has asked for its end. When the hook raises, nothing that it did stays, and the task ends as failed and
    says so. What waited for the task goes on, or ends with it."""
    return end(task, to, ending, follow)


def died(attempt: Attempt, error: str, *, exit_code: int | None = None, signal: str = "", again: bool = True,
         via: str = "worker") -> TaskState | None:
    """Settle an attempt whose process is gone: once more when attempts are left, cancelled when that was wanted,
    else failed. `error` says how it died; not `again`: it was killed because it took too long, which is a failure.
    Returns the new state, None when the attempt had been settled before."""
    task = Task.everything.get(pk=attempt.task_id)
    ending = Ending(attempt=attempt.number, outcome=Attempt.Outcome.DIED, error=error, exit_code=exit_code,
                    signal=signal)
    if task.attempt != attempt.number or task.state != TaskState.RUNNING:
        close_attempt(task, ending, timezone.now())
        return None
    job = job_class(task.job)
    if task.step:
        ending = replace(ending, error=f"{error} The last step was “{task.step}”.")
    with acting(actor=task.actor, via=via, correlation=task.correlation_id):
        if task.cancel_requested:
            return settle(task, TaskState.CANCELLED, ending)
        if not again:
            return failed(task, TaskTimedOut, replace(ending, outcome=""))
        if job is not None and deaths(task) + 1 < job.max_attempts:
            requeued = _again(task, ending)
            if requeued is not None:
                return requeued
        return end_or_cancel(task, ending)


def failed(task: Task, cause: type[BaseException], ending: Ending) -> TaskState | None:
    """Settle an attempt that ended with an error of that class: cancelled when it was asked to stop, tried again after
    a pause when its job has retries left for it, else failed. Returns the new state, None when another was first."""
    job = job_class(task.job)
    number = next_retry(job, task, cause)
    if number is None:
        return end_or_cancel(task, ending)
    now = timezone.now()
    run_at = now + timedelta(seconds=pause(job, number))
    error, detail = cleaned(ending.error), cleaned(ending.detail)
    first = error.split("\n")[0]
    with transaction.atomic():
        fact = {"attempt": ending.attempt, "error": first[:500], "run_at": run_at.isoformat()}
        last = {**ending.fields, "run_at": run_at, "due_at": None, "error": error, "detail": detail,
                "reason": f"Retry {number} of {job.retries}. {first}"[:300]}
        if move(task, TaskState.SCHEDULED, sources={TaskState.RUNNING}, fence=ending.attempt, wanted=True,
                action="retrying", fact=fact, **last):  # fmt: skip
            close_attempt(task, replace(ending, outcome=Attempt.Outcome.FAILED, error=error), now)
            return TaskState.SCHEDULED
    return end_or_cancel(task, ending)


def end_or_cancel(task: Task, ending: Ending) -> TaskState | None:
    """End a running task that is not begun again: as cancelled when somebody has asked for that, else as failed."""
    ended = settle(task, TaskState.FAILED, replace(ending, wanted=True))
    if ended is None and Task.everything.filter(pk=task.pk, cancel_requested=True).exists():
        return settle(task, TaskState.CANCELLED, ending)
    return ended


def persistently(act: Callable[[], Answer], patience: float = 60.0) -> Answer:
    """The answer of a function that writes to a database which may be away for a moment: tried again for `patience`
    seconds, each time on a new connection. Raises the last error after that."""
    deadline, pause = time.monotonic() + patience, 0.1
    while True:
        try:
            return act()
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() + pause > deadline:
                raise
            logger.warning("The database does not answer (%s); trying again in %.1f s.", error, pause)
            connections.close_all()
            time.sleep(pause)
            pause = min(pause * 2, 5.0)


def _again(task: Task, ending: Ending) -> TaskState | None:
    now = timezone.now()
    with transaction.atomic():
        fact = {"attempt": ending.attempt, "error": ending.error}
        if not move(task, TaskState.QUEUED, sources={TaskState.RUNNING}, fence=ending.attempt, action="requeued",
                    fact=fact, queued_at=now, due_at=None, wanted=True, reason=f"Runs again. {ending.error}"[:300]):
            return None
        close_attempt(task, ending, now)
        transaction.on_commit(partial(push, task))
    return TaskState.QUEUED
