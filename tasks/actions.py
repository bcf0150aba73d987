"""What can be done with tasks: the use cases behind page, API, admin and commands."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from events.actions import fact, record
from events.context import correlation_id, current
from events.ids import uuid7
from events.statements import insertion, run
from tasks import queue
from tasks.dependencies import added, needs_again, reason, wanted
from tasks.errors import AlreadyEnded, BadTask, NotWaiting, StillActive, SubjectBusy
from tasks.job import Job, job_class
from tasks.jsonvalues import NotJson, cleaned, normalized
from tasks.lanes import HIGHEST, LANES, LOWEST
from tasks.models import Task, Unmet
from tasks.nodes.registry import known
from tasks.pushing import push
from tasks.release import release
from tasks.search import documents
from tasks.settle import Ending, settle
from tasks.states import ACTIVE, WAITING, TaskState

__all__ = [
    "AlreadyEnded", "BadTask", "NotWaiting", "StillActive", "SubjectBusy", "active_on", "cancel", "change_priority",
    "check", "enqueue", "retry",
]  # fmt: skip

MAX_PARAMS = 256 * 1024
# A time to run at that went by while the request was on its way is now, not a mistake.
LATE = timedelta(seconds=5)
# Between looking and writing another request may be first; each round, somebody gets through.
ROUNDS = 10


def enqueue(job: type[Job], params: dict[str, Any], *, subject: str = "", priority: int | None = None,
            lane: str | None = None, run_at: datetime | None = None, parent: Task | None = None,
            retry_of: Task | None = None, depends_on: Iterable[Task | uuid.UUID] = (),
            unless_succeeded: str = Unmet.SKIP, node: str = "") -> Task:
    """Write a task in the caller's transaction; it is pushed to its queue on commit, or waits for `run_at`. With a
    `node`, only workers of that node run it, and it waits until there is one.

    With `depends_on` it is `blocked` until all of these tasks have ended. As soon as one of them fails or is cancelled,
    `unless_succeeded` decides: `skip` (this one is cancelled), `fail` (it fails), or `run` (it waits for the others,
    and runs). Those that have ended already count as they ended.

    While a task with the same job and parameters is active on `subject`, that one is returned: a double click is one
    task. Raises SubjectBusy when it is another one (or is being cancelled), BadTask for input that makes no task.
    """
    task = _checked(job, params, subject, priority, lane, run_at)
    task.parent, task.retry_of, task.node = parent, retry_of, known(node) if node else ""
    needs = wanted(depends_on, unless_succeeded, parent)
    if needs:
        task.state, task.queued_at, task.ready_at, task.reason = TaskState.BLOCKED, None, None, reason(needs)
    for number in range(ROUNDS):
        try:
            # Alone it is one statement of a database that can, and needs no trip to begin and end a transaction.
            with transaction.atomic() if needs or connection.in_atomic_block else nullcontext():
                created = fact("task.created", {"task": str(task.pk), "job": task.job, "subject": task.subject},
                               about=task.subject)
                waiting = added(task, needs, unless_succeeded)
                run(insertion(task), insertion(created), documents.note(task), *waiting)
                if needs:
                    release(task)
        except IntegrityError:
            # Seldom, so nobody looks for another one before: most subjects have no active task.
            if not subject:
                if number:
                    raise
                task.pk = uuid7()  # in case that another process made an id for the same moment
                continue
            active = active_on(subject)
            if active is None:
                continue
            if (active.job, active.params) == (task.job, task.params) and not active.cancel_requested:
                return active
            raise SubjectBusy(active) from None
        if task.state == TaskState.QUEUED and not needs:
            transaction.on_commit(lambda: push(task))
        return task
    raise BadTask("Too many requests for the same subject at once. Try again.", "subject")


def check(job: type[Job], params: dict[str, Any], *, priority: int | None = None, lane: str | None = None,
          run_at: datetime | None = None) -> Task:
    """The task that `enqueue` would write, not written: for wishes that are kept for later. Raises BadTask."""
    return _checked(job, params, "", priority, lane, run_at)


def _checked(job: type[Job], params: dict[str, Any], subject: str, priority: int | None, lane: str | None,
             run_at: datetime | None) -> Task:
    if job_class(job.name) is not job:
        raise BadTask(f"{job.__name__} is not a registered job.", "job")
    if not isinstance(params, dict):
        raise BadTask("The parameters must be a JSON object.", "params")
    try:
        params = normalized(params, MAX_PARAMS)
    except NotJson as error:
        raise BadTask(f"What is in the parameters {error}.", "params") from None
    job.check(params)
    priority = Task._meta.get_field("priority").default if priority is None else priority
    check_priority(priority)
    lane = job.lane if lane is None else lane
    if lane not in LANES:
        raise BadTask(f"There is no lane {str(lane)[:40]!r}: use {', '.join(LANES)}.", "lane")
    if not isinstance(subject, str) or len(subject) > 100 or "\0" in subject:
        raise BadTask("The subject must be a text of at most 100 characters.", "subject")
    if run_at is not None and timezone.is_naive(run_at):
        raise BadTask("The time to run at needs a time zone.", "run_at")
    if run_at is not None:
        try:
            run_at = run_at.astimezone(UTC)
        except OverflowError:
            raise BadTask("The time to run at is out of range.", "run_at") from None
    now = timezone.now()
    if run_at is not None and run_at < now - LATE:
        raise BadTask("The time to run at is in the past.", "run_at")
    waits = run_at is not None and run_at > now
    return Task(
        job=job.name, title=cleaned(job.title(params))[:300], subject=subject, lane=lane, priority=priority,
        params=params, state=TaskState.SCHEDULED if waits else TaskState.QUEUED, actor=current().actor,
        correlation_id=correlation_id(), created_at=now, run_at=run_at, queued_at=None if waits else now,
        ready_at=run_at if waits else now,
    )  # fmt: skip


def check_priority(priority: object) -> None:
    """Raises BadTask for what is no priority."""
    if isinstance(priority, bool) or not isinstance(priority, int) or not LOWEST <= priority <= HIGHEST:
        raise BadTask(f"The priority must be a whole number from {LOWEST} (lowest) to {HIGHEST}.", "priority")


def active_on(subject: str) -> Task | None:
    """The task that has not ended on a subject; None for an empty subject."""
    return Task.objects.filter(subject=subject, state__in=sorted(ACTIVE)).first() if subject else None


def cancel(task: Task | uuid.UUID) -> Task:
    """End a waiting task at once; tell a running one to stop, which it does within its grace, or is killed. When it
    waits for its children, they are cancelled with it.

    Returns the task as it is then. Raises AlreadyEnded, and Task.DoesNotExist for an unknown id.
    """
    task = _cancel(task if isinstance(task, uuid.UUID) else task.pk)
    # A loop: children have children, and a stack is only so deep.
    ended = [task] if task.state == TaskState.CANCELLED else []
    while ended:
        above = ended.pop()
        children = Task.everything.filter(parent=above.pk, dependents__task=above.pk, state__in=sorted(ACTIVE))
        for key in children.values_list("pk", flat=True):
            with contextlib.suppress(AlreadyEnded):
                child = _cancel(key, Task.everything)
                if child.state == TaskState.CANCELLED:
                    ended.append(child)
    return task


def _cancel(key: uuid.UUID, tasks: Any = Task.objects) -> Task:
    for _ in range(ROUNDS):
        task = tasks.get(pk=key)
        by = f"Cancelled by {current().actor}."[:300]
        if task.has_ended:
            raise AlreadyEnded(task)
        if task.state in WAITING:
            if settle(task, TaskState.CANCELLED, Ending(fields={"reason": by, "cancel_requested": True})):
                transaction.on_commit(partial(queue.pull_back, task))
                return task
        elif _ask_to_stop(task, by):
            return task
    return task


def _ask_to_stop(task: Task, by: str) -> bool:
    with transaction.atomic():
        running = Task.objects.filter(pk=task.pk, state=TaskState.RUNNING, attempt=task.attempt)
        if not task.cancel_requested:
            if not running.update(cancel_requested=True, reason=by):
                return False
            task.cancel_requested, task.reason = True, by
            record("task.cancel_requested", {"task": str(task.pk), "job": task.job, "subject": task.subject},
                   about=task.subject)
        worker = task.attempts.filter(number=task.attempt).values_list("worker", flat=True).first()
        if worker:
            transaction.on_commit(lambda: queue.send_stop(worker, task.pk))
    return True


def change_priority(task: Task | uuid.UUID, priority: int) -> Task:
    """Let a waiting task wait with another priority; what it has gained by waiting stays.

    Returns the task as it is then. Raises BadTask, NotWaiting, and Task.DoesNotExist for an unknown id.
    """
    check_priority(priority)
    task = Task.objects.get(pk=task if isinstance(task, uuid.UUID) else task.pk)
    with transaction.atomic():
        before = task.priority
        if not Task.objects.filter(pk=task.pk, state__in=sorted(WAITING)).update(priority=priority):
            task.refresh_from_db(fields=["state"])
            raise NotWaiting(task)
        task.priority = priority
        if priority != before:
            record("task.reprioritized", {"task": str(task.pk), "job": task.job, "subject": task.subject,
                                          "from": before, "to": priority, "before": {"priority": before},
                                          "after": {"priority": priority}}, about=task.subject)
            transaction.on_commit(lambda: queue.requeue([task]))
    return task


def retry(task: Task) -> Task:
    """A new task that does the same again, for one that has ended, and waits for what that one was told to wait for: in
    the place of what did not succeed, for the newest retry of that. Its children are its own affair.

    Raises StillActive, SubjectBusy, and BadTask: the job is gone or takes these parameters no more, or something that
    it needs has not succeeded and is to be retried first.
    """
    if not task.has_ended:
        raise StillActive(task)
    job = job_class(task.job)
    if job is None:
        raise BadTask(f"This Hub has no job named {task.job!r} any more.", "job")
    needs, unless_succeeded = needs_again(task)
    return enqueue(job, task.params, subject=task.subject, priority=task.priority, lane=task.lane, retry_of=task,
                   depends_on=needs, unless_succeeded=unless_succeeded, node=task.node)
