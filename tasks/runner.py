"""The one door in: claims a task, opens an attempt, runs the job, settles it."""

from __future__ import annotations

import logging
import os
import resource
import traceback
import uuid
from functools import lru_cache, partial
from typing import Any

from django.db import connection, connections, transaction
from django.utils import timezone

from events.context import acting
from events.statements import Lookup, insertion
from tasks import limits
from tasks.cancellation import TaskCancelled, TaskTimedOut, TaskWaits, armed, shielded_statement
from tasks.errors import TaskError
from tasks.family import suspend
from tasks.job import Job, JobFailed, job_class
from tasks.jsonvalues import NotJson, normalized
from tasks.models import Attempt, Task
from tasks.moves import move
from tasks.processes import began, here
from tasks.progress import Progress
from tasks.settle import Ending, failed, persistently, settle
from tasks.states import TaskState

logger = logging.getLogger(__name__)
# What jobs raise and did not foresee: for those who are told of errors elsewhere. The task itself says it on its page.
raised = logging.getLogger("tasks.raised")

MAX_RESULT = 1024 * 1024
QUEUED = Lookup(lambda key: Task.everything.filter(pk=key, state=TaskState.QUEUED))


def run_task(task_id: str, worker: str = "") -> str:
    """Run a queued task to its end; returns the state it ended in, empty when there was nothing to do here, `queued`
    when a limit does not let it start: then it has to be turned away (`limits.turn_away`).

    Whoever comes second, for a task that was cancelled, taken or removed, does nothing.
    """
    try:
        key = uuid.UUID(task_id)
    except ValueError:
        logger.error("%r is no task id.", task_id)
        return ""
    try:
        attempt = persistently(lambda: claim(key, worker))
    except limits.Refused:
        return TaskState.QUEUED
    if attempt is None:
        return ""
    task = attempt.task
    with acting(actor=task.actor, via="worker", correlation=task.correlation_id):
        state = _run(task, attempt.number) or ""
    if task.limited:
        persistently(lambda: limits.left(task))
    return state


def claim(task_id: uuid.UUID, worker: str) -> Attempt | None:
    """Take a queued task for this process and open its next attempt; None when it is not there to be taken.

    Raises `limits.Refused` when the task is to wait for the limits of its lane or subject.
    """
    task = QUEUED.get(task_id)
    if task is None:
        return None
    if task.cancel_requested:  # it died while it was being cancelled, and went back to the queue
        with acting(actor=task.actor, via="worker", correlation=task.correlation_id):
            settle(task, TaskState.CANCELLED)
        return None
    now, place, pid, number = timezone.now(), here(), os.getpid(), task.attempt + 1
    # Before the transaction: other writers wait for its end.
    attempt = Attempt(
        task=task, number=number, worker=worker, host=place.host, boot_id=place.boot_id, pid=pid,
        pid_started=_began(pid), correlation_id=task.correlation_id, started_at=now,
    )  # fmt: skip
    take = partial(
        move, task, TaskState.RUNNING, sources={TaskState.QUEUED}, fence=number - 1,
        fact={"attempt": number, "worker": worker}, also=[insertion(attempt)], attempt=number,
        started_at=task.started_at or now, reason="", held=False,
    )  # fmt: skip
    with acting(actor=task.actor, via="worker", correlation=task.correlation_id):
        # Whether a limit is about it is asked by the very statement that takes it: one that is set before is kept.
        if take(only=limits.UNLIMITED):
            return attempt
        with transaction.atomic():
            if not take():
                return None
            limits.admit(task)
    return attempt


@lru_cache(maxsize=1)
def _began(own_pid: int) -> int:
    """When this process began. Its child has another pid, and asks anew."""
    return began(own_pid)


def _run(task: Task, number: int) -> str | None:
    job = job_class(task.job)
    if job is None:
        message = f"This Hub has no job named {task.job!r}. It was perhaps removed by an update."
        return persistently(lambda: settle(task, TaskState.FAILED, Ending(attempt=number, error=message)))
    progress = Progress(task)
    before = _open_transactions()
    to, ending, cause = _work(job(task, progress))
    if to == TaskState.FAILED and cause is not None and not isinstance(cause, JobFailed | TaskTimedOut):
        raised.error("%s raised %s.", task.job, type(cause).__name__, exc_info=cause)
    if _open_transactions() != before:
        _drop_connections()
        if to == TaskState.SUCCEEDED:
            to, ending = TaskState.FAILED, {"error": "It left a transaction open: what it wrote there is gone."}
    # An interruption may have caught the connection in the middle of something.
    if to != TaskState.SUCCEEDED and not connection.in_atomic_block:
        connections.close_all()
    fields = persistently(lambda: progress.close(succeeded=to == TaskState.SUCCEEDED))
    if isinstance(cause, TaskWaits):
        try:
            return persistently(lambda: suspend(task, number, cause, **fields))
        except TaskError as error:
            to, ending, cause = _failure(error)
    ended = Ending(attempt=number, fields=fields, **ending)
    if to == TaskState.FAILED and cause is not None:
        return persistently(lambda: failed(task, type(cause), ended))
    return persistently(lambda: settle(task, to, ended))


def _open_transactions() -> list[tuple[str, bool, int]]:
    """By connection: whether a statement stands for itself, and how deep it is in transactions."""
    return [(one.alias, one.connection is None or one.get_autocommit(), one.in_atomic_block + len(one.savepoint_ids))
            for one in connections.all(initialized_only=True)]


def _drop_connections() -> None:
    """Forget connections whose transactions nobody will end: Django would not close them."""
    for one in connections.all(initialized_only=True):
        del connections[one.alias]
        if one.connection is not None:
            one.connection.close()


def _work(job: Job) -> tuple[TaskState, dict[str, Any], BaseException | None]:
    """Let the job do its work; how it ended, with what is to be kept of it, and what it raised."""
    finished, result = False, None
    try:
        with armed(), connection.execute_wrapper(shielded_statement):
            result = job.run()
            finished = True
    except BaseException as error:  # noqa: BLE001 - whatever ends a job ends its task
        # A stop that comes after the last line of the work is too late: the work is done.
        if not finished:
            return _failure(error)
    try:
        return TaskState.SUCCEEDED, {"result": normalized(result, MAX_RESULT)}, None
    except NotJson as error:
        return TaskState.FAILED, {"error": f"It did its work, but its result {error}."}, None


def _failure(error: BaseException) -> tuple[TaskState, dict[str, Any], BaseException]:
    if isinstance(error, TaskWaits):
        return TaskState.BLOCKED, {}, error
    if isinstance(error, TaskTimedOut):
        return TaskState.FAILED, {"error": str(error)}, error
    if isinstance(error, TaskCancelled):
        return TaskState.CANCELLED, {}, error
    if isinstance(error, JobFailed):
        return TaskState.FAILED, {"error": error.message, "detail": error.detail}, error
    if isinstance(error, MemoryError):
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 2**20
        message = f"It asked for more memory than it may have: its process had used up to {used:,.0f} MB."
        return TaskState.FAILED, {"error": message, "detail": "".join(traceback.format_exception(error))}, error
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return TaskState.FAILED, {"error": message, "detail": "".join(traceback.format_exception(error))}, error
