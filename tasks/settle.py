"""The one door out: how a task ends, or goes back to the queue when its process died or it is to be tried again.

The runner, the worker's parent, the rescuer and a cancel all come through here. The row count of one conditional
UPDATE decides who was first, and only that one closes the attempt, calls the job's hook, and lets the tasks go on that
wait for this one, in the same transaction.
"""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connections, transaction
from django.utils import timezone

from events.context import acting
from events.statements import Statement, change, run
from tasks import queue
from tasks.cancellation import TaskTimedOut
from tasks.dependencies import UNNEEDED, blocked_by, blocked_for_nothing, is_needed, verdict
from tasks.job import Job, job_class
from tasks.jsonvalues import cleaned
from tasks.models import Attempt, Task
from tasks.moves import move
from tasks.progress import Progress
from tasks.retries import deaths, next_retry, pause
from tasks.states import ENDED, WAITING, TaskState

logger = logging.getLogger(__name__)

# How many waiting tasks may follow the end of one in its transaction; the rescuer lets the others go on.
MAX_FOLLOWERS = 1000
Answer = TypeVar("Answer")


class HookFailed(Exception):
    """A job's `on_*` raised; its cause is what it raised."""


def push(task: Task, *, first: bool = False) -> bool:
    """Put a queued task on its queue (`first`: before the others), with the time limits of its job. False when Redis
    is away."""
    job = job_class(task.job) or Job
    limits = job.limits()
    return queue.push(task, timeout=limits.soft, hard=limits.hard, grace=job.cancel_grace,
                      own_process=job.own_process, first=first)


def settle(task: Task, to: TaskState, *, attempt: int | None = None, outcome: str = "", result: Any = None,
           error: str = "", detail: str = "", exit_code: int | None = None, signal: str = "", wanted: bool = False,
           **fields: Any) -> TaskState | None:
    """End a task; returns the state it ended in, None when another was first, a newer attempt runs or, with `wanted`,
    somebody has asked for its end.

    With `attempt` it ends that attempt of a running task, without it a task that waits. When the hook raises, nothing
    that it did stays, and the task ends as failed and says so. What waited for the task goes on, or ends with it.
    """
    return _settle(task, to, _follow, attempt=attempt, outcome=outcome, result=result, error=error, detail=detail,
                   exit_code=exit_code, signal=signal, wanted=wanted, **fields)


def _settle(task: Task, to: TaskState, then: Callable[[Task], None] | None, *, attempt: int | None = None,
            outcome: str = "", result: Any = None, error: str = "", detail: str = "", exit_code: int | None = None,
            signal: str = "", wanted: bool = False, **fields: Any) -> TaskState | None:
    ending = {"exit_code": exit_code, "signal": signal, "outcome": outcome or to, "ended_at": timezone.now()}
    error, detail = cleaned(error), cleaned(detail)
    last = {**fields, "result": result, "error": error, "detail": detail}
    try:
        return _end(task, to, attempt, last, ending, _hook(to, result, error), then, wanted)
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
            hook = _hook(TaskState.FAILED, None, last["error"])
            return _end(task, TaskState.FAILED, attempt, last, ending, hook, then, wanted)
        except HookFailed as failure:
            logger.exception("on_failed of task %s raised as well.", task.pk, exc_info=failure.__cause__)
    return _end(task, TaskState.FAILED, attempt, last, ending, None, then, wanted)


def died(attempt: Attempt, error: str, *, exit_code: int | None = None, signal: str = "", again: bool = True,
         via: str = "worker") -> TaskState | None:
    """Settle an attempt whose process is gone: once more when attempts are left, cancelled when that was wanted,
    else failed. `error` says how it died; not `again`: it was killed because it took too long, which is a failure.
    Returns the new state, None when the attempt had been settled before."""
    task = Task.objects.get(pk=attempt.task_id)
    known = {"exit_code": exit_code, "signal": signal, "outcome": Attempt.Outcome.DIED}
    if task.attempt != attempt.number or task.state != TaskState.RUNNING:
        close_attempt(task, attempt.number, {**known, "ended_at": timezone.now()}, error)
        return None
    job = job_class(task.job)
    if task.step:
        error += f" The last step was “{task.step}”."
    with acting(actor=task.actor, via=via, correlation=task.correlation_id):
        if task.cancel_requested:
            return settle(task, TaskState.CANCELLED, error=error, attempt=attempt.number, **known)
        if not again:
            return failed(task, TaskTimedOut, attempt=attempt.number, error=error, exit_code=exit_code, signal=signal)
        if job is not None and deaths(task) + 1 < job.max_attempts:
            requeued = _again(task, attempt.number, error, known)
            if requeued is not None:
                return requeued
        return end_or_cancel(task, error=error, attempt=attempt.number, **known)


def failed(task: Task, cause: type[BaseException], *, attempt: int, error: str, detail: str = "",
           exit_code: int | None = None, signal: str = "", **fields: Any) -> TaskState | None:
    """Settle an attempt that ended with an error of that class: cancelled when it was asked to stop, tried again after
    a pause when its job has retries left for it, else failed. Returns the new state, None when another was first."""
    job = job_class(task.job)
    number = next_retry(job, task, cause)
    if number is None:
        return end_or_cancel(task, attempt=attempt, error=error, detail=detail, exit_code=exit_code, signal=signal,
                             **fields)
    now = timezone.now()
    run_at = now + timedelta(seconds=pause(job, number))
    error, detail = cleaned(error), cleaned(detail)
    first = error.split("\n")[0]
    with transaction.atomic():
        fact = {"attempt": attempt, "error": first[:500], "run_at": run_at.isoformat()}
        last = {**fields, "run_at": run_at, "due_at": None, "error": error, "detail": detail,
                "reason": f"Retry {number} of {job.retries}. {first}"[:300]}
        if move(task, TaskState.SCHEDULED, sources={TaskState.RUNNING}, fence=attempt, wanted=True, action="retrying",
                fact=fact, **last):  # fmt: skip
            close_attempt(task, attempt, {"outcome": Attempt.Outcome.FAILED, "ended_at": now, "exit_code": exit_code,
                                   "signal": signal}, error)
            return TaskState.SCHEDULED
    return end_or_cancel(task, attempt=attempt, error=error, detail=detail, exit_code=exit_code, signal=signal,
                             **fields)


def release(task: Task, *, look_again: bool = False) -> TaskState | None:
    """Let a blocked task go on when it has nothing left to wait for: queued, scheduled until its time, or ended with
    what it waited for. Returns its new state, None when it has to go on waiting, or another was first.

    `look_again`: once more after the commit, for what has ended meanwhile did not see that this waits for it.
    """
    with acting(actor=task.actor, correlation=task.correlation_id), transaction.atomic():
        to = _release(task)
        if to in ENDED:
            _follow(task)
        elif to is None and look_again:
            transaction.on_commit(partial(_release_if_free, task.pk))
    return to


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


def end_or_cancel(task: Task, **ending: Any) -> TaskState | None:
    """End a running task that is not begun again: as cancelled when somebody has asked for that, else as failed."""
    ended = settle(task, TaskState.FAILED, wanted=True, **ending)
    if ended is None and Task.objects.filter(pk=task.pk, cancel_requested=True).exists():
        return settle(task, TaskState.CANCELLED, **ending)
    return ended


def _follow(task: Task) -> None:
    """Release what waits for an ended task, and what waits for those of them that end with it. A loop: a chain may be
    longer than a stack is deep."""
    ended, left = deque([task]), MAX_FOLLOWERS
    while ended and left > 0:
        above = ended.popleft()
        for waiting in blocked_by(above)[:left] if is_needed(above.pk) else ():
            left -= 1
            with acting(actor=waiting.actor, correlation=waiting.correlation_id):
                to = _release(waiting)
            if to in ENDED:
                ended.append(waiting)
            elif to is None:
                # The last two that it waits for may end at once, neither seeing the other: one is the last to commit.
                transaction.on_commit(partial(_release_if_free, waiting.pk))


def _release_if_free(task_id: uuid.UUID) -> None:
    task = blocked_for_nothing().filter(pk=task_id).first()
    if task is not None:
        release(task)


def _release(task: Task) -> TaskState | None:
    found = verdict(task)
    if found is None:
        return None
    if found.to == TaskState.CANCELLED:
        return _settle(task, found.to, None, reason=found.why[:300])
    if found.to == TaskState.FAILED:
        return _settle(task, found.to, None, error=found.why)
    now = timezone.now()
    to = TaskState.SCHEDULED if task.run_at is not None and task.run_at > now else TaskState.QUEUED
    fields: dict[str, Any] = {"reason": ""}
    if task.started_at is None:
        fields["ready_at"] = task.run_at if to == TaskState.SCHEDULED else now
    if to == TaskState.QUEUED:
        fields["queued_at"] = now
    # The fence: a task that ran meanwhile, and waits for others now, is not the one of which that was read.
    if not move(task, to, sources={TaskState.BLOCKED}, fence=task.attempt, action="released", **fields):
        return None
    if to == TaskState.QUEUED:
        transaction.on_commit(partial(push, task))
    return to


def _end(task: Task, to: TaskState, attempt: int | None, fields: dict[str, Any], ending: dict[str, Any],
         hook: Callable[[Job], None] | None, then: Callable[[Task], None] | None, wanted: bool) -> TaskState | None:
    sources = WAITING if attempt is None else {TaskState.RUNNING}
    fields = {"finished_at": ending["ended_at"], "due_at": None, **fields}
    if to == TaskState.SUCCEEDED:
        fields["progress"] = 100.0
    fact = {"attempt": task.attempt, **({"error": fields["error"].split("\n")[0][:500]} if fields["error"] else {})}
    before = {name: getattr(task, name) for name in ("state", *fields)}
    closing = [] if attempt is None else [_closing(task, attempt, ending, fields["error"])]
    job = job_class(task.job)
    listens = hook is not None and job is not None and _listens(job, to)
    write = partial(move, task, to, sources=sources, fence=attempt, wanted=wanted, fact=fact, also=closing, **fields)
    # Most tasks end here: nothing follows, and nothing else is to be written with it.
    if attempt is not None and not listens and write(only=UNNEEDED):
        return to
    try:
        with transaction.atomic():
            if not write():
                return None
            if listens:
                try:
                    with transaction.atomic():
                        hook(job(task, Progress(task)))
                except Exception as error:
                    raise HookFailed from error
            if then is not None:
                then(task)
    except BaseException:
        # The row was rolled back; the object must not say otherwise.
        for name, value in before.items():
            setattr(task, name, value)
        raise
    return to


def _listens(job: type[Job], to: TaskState) -> bool:
    """Whether the job has a hook for that end: most have none, and need no savepoint for it."""
    name = f"on_{to}"
    return getattr(job, name) is not getattr(Job, name)


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
                    wanted=True, reason=f"Runs again. {error}"[:300]):  # fmt: skip
            return None
        close_attempt(task, number, {**ending, "ended_at": now}, error)
        transaction.on_commit(lambda: push(task))
    return TaskState.QUEUED


def close_attempt(task: Task, number: int, ending: dict[str, Any], error: str = "") -> None:
    """Write how an attempt ended, unless that is known."""
    run(_closing(task, number, ending, error))


def _closing(task: Task, number: int, ending: dict[str, Any], error: str) -> Statement:
    return change(Attempt, {"error": error, **ending}, {"task": task.pk, "number": number, "ended_at": None})
