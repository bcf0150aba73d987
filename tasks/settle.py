"""The one door out: how a task ends, or goes back to the queue when its process died.

The runner, the worker's parent, the rescuer and a cancel all come through here. The row count of one conditional
UPDATE decides who was first, and only that one closes the attempt and calls the job's hook, in the same transaction.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils import timezone

from events.context import acting
from tasks import queue
from tasks.job import Job, job_class
from tasks.jsonvalues import cleaned
from tasks.models import Attempt, Task
from tasks.moves import move
from tasks.progress import Progress
from tasks.states import WAITING, TaskState

logger = logging.getLogger(__name__)

# For a job whose class does not say how long it may run.
DEFAULT_TIMEOUT = 3600.0
Answer = TypeVar("Answer")


class HookFailed(Exception):
    """A job's `on_*` raised; its cause is what it raised."""


def push(task: Task, *, first: bool = False) -> bool:
    """Put a queued task on its queue (`first`: before the others), with the time limits of its job. False when Redis
    is away."""
    job = job_class(task.job) or Job
    return queue.push(task, timeout=job.timeout or DEFAULT_TIMEOUT, grace=job.cancel_grace, first=first)


def settle(task: Task, to: TaskState, *, attempt: int | None = None, outcome: str = "", result: Any = None,
           error: str = "", detail: str = "", exit_code: int | None = None, signal: str = "",
           **fields: Any) -> TaskState | None:
    """End a task; returns the state it ended in, None when another was first or a newer attempt runs.

    With `attempt` it ends that attempt of a running task, without it a task that waits. When the hook raises, nothing
    that it did stays, and the task ends as failed and says so.
    """
    ending = {"exit_code": exit_code, "signal": signal, "outcome": outcome or to, "ended_at": timezone.now()}
    error, detail = cleaned(error), cleaned(detail)
    last = {**fields, "result": result, "error": error, "detail": detail}
    try:
        return _end(task, to, attempt, last, ending, _hook(to, result, error))
    except HookFailed as failure:
        cause = failure.__cause__
        logger.exception("The hook of task %s, which was to be %s, raised.", task.pk, to, exc_info=cause)
    what = f"What follows when it has {to} did not work: {type(cause).__name__}: {cause}"
    last["error"] = cleaned(f"{error}\n{what}" if error else what)
    last["detail"] = cleaned("\n".join(filter(None, [detail, "".join(traceback.format_exception(cause))])))
    last["result"] = None
    if last.get("progress") is not None:
        last["progress"] = min(last["progress"], 99.0)
    ending["outcome"] = Attempt.Outcome.FAILED if ending["outcome"] == to else ending["outcome"]
    if to != TaskState.FAILED:
        try:
            return _end(task, TaskState.FAILED, attempt, last, ending, _hook(TaskState.FAILED, None, last["error"]))
        except HookFailed as failure:
            logger.exception("on_failed of task %s raised as well.", task.pk, exc_info=failure.__cause__)
    return _end(task, TaskState.FAILED, attempt, last, ending, None)


def died(attempt: Attempt, error: str, *, exit_code: int | None = None, signal: str = "", again: bool = True,
         via: str = "worker") -> TaskState | None:
    """Settle an attempt whose process is gone: once more when attempts are left, cancelled when that was wanted,
    else failed. `error` says how it died. Returns the new state, None when the attempt had been settled before."""
    task = Task.objects.get(pk=attempt.task_id)
    known = {"exit_code": exit_code, "signal": signal, "outcome": Attempt.Outcome.DIED}
    if task.attempt != attempt.number or task.state != TaskState.RUNNING:
        _close(task, attempt.number, {**known, "ended_at": timezone.now()}, error)
        return None
    job = job_class(task.job)
    if task.step:
        error += f" The last step was “{task.step}”."
    with acting(actor=task.actor, via=via, correlation=task.correlation_id):
        if task.cancel_requested:
            return settle(task, TaskState.CANCELLED, error=error, attempt=attempt.number, **known)
        if again and job is not None and attempt.number < job.max_attempts:
            return _again(task, attempt.number, error, known)
        return settle(task, TaskState.FAILED, error=error, attempt=attempt.number, **known)


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


def _end(task: Task, to: TaskState, attempt: int | None, fields: dict[str, Any], ending: dict[str, Any],
         hook: Callable[[Job], None] | None) -> TaskState | None:
    sources = WAITING if attempt is None else {TaskState.RUNNING}
    fields = {"finished_at": ending["ended_at"], "due_at": None, **fields}
    if to == TaskState.SUCCEEDED:
        fields["progress"] = 100.0
    fact = {"attempt": task.attempt, **({"error": fields["error"].split("\n")[0][:500]} if fields["error"] else {})}
    before = {name: getattr(task, name) for name in ("state", *fields)}
    try:
        with transaction.atomic():
            if not move(task, to, sources=sources, fence=attempt, fact=fact, **fields):
                return None
            if attempt is not None:
                _close(task, attempt, ending, fields["error"])
            job = job_class(task.job)
            if hook is not None and job is not None:
                try:
                    with transaction.atomic():
                        hook(job(task, Progress(task)))
                except Exception as error:
                    raise HookFailed from error
    except BaseException:
        # The row was rolled back; the object must not say otherwise.
        for name, value in before.items():
            setattr(task, name, value)
        raise
    return to


def _hook(to: TaskState, result: Any, error: str) -> Callable[[Job], None]:
    if to == TaskState.SUCCEEDED:
        return lambda job: job.on_succeeded(result)
    if to == TaskState.FAILED:
        return lambda job: job.on_failed(error)
    return lambda job: job.on_cancelled()


def _again(task: Task, number: int, error: str, ending: dict[str, Any]) -> TaskState | None:
    now = timezone.now()
    with transaction.atomic():
        if not move(task, TaskState.QUEUED, sources={TaskState.RUNNING}, fence=number, action="requeued",
                    fact={"attempt": number, "error": error}, queued_at=now, due_at=None,
                    reason=f"Runs again. {error}"[:300]):  # fmt: skip
            return None
        _close(task, number, {**ending, "ended_at": now}, error)
        transaction.on_commit(lambda: push(task))
    return TaskState.QUEUED


def _close(task: Task, number: int, ending: dict[str, Any], error: str) -> None:
    Attempt.objects.filter(task_id=task.pk, number=number, ended_at=None).update(error=error, **ending)
