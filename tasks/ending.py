"""How a task ends: its row, its attempt, its event and the hook of its job, in one transaction.

What ends a task calls `tasks.settle.settle`, which also lets the tasks go on that wait for it.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from events.statements import Statement, change, run, takes_many
from tasks.dependencies import UNNEEDED
from tasks.job import Job, job_class
from tasks.jsonvalues import cleaned
from tasks.models import Attempt, Task
from tasks.moves import move, move_all
from tasks.progress import Progress
from tasks.states import WAITING, TaskState

logger = logging.getLogger(__name__)


class HookFailed(Exception):
    """A job's `on_*` raised; its cause is what it raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is to be kept of an end.

    - `attempt`: the number of the attempt of a running task that ends with it; None for a task that waits.
    - `outcome`: of that attempt, where the state of the task does not say it; `exit_code`, `signal`: of its process.
    - `result`, `error`, `detail`: as in the task.
    - `wanted`: it is to end so only while nobody has asked for its end.
    - `fields`: other columns of the task.
    """

    attempt: int | None = None
    outcome: str = ""
    result: Any = None
    error: str = ""
    detail: str = ""
    exit_code: int | None = None
    signal: str = ""
    wanted: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)

    def of_attempt(self, to: str, at: datetime) -> dict[str, Any]:
        """The columns of the attempt, when it ends at that time and the task moves to that state."""
        return {"error": self.error, "exit_code": self.exit_code, "signal": self.signal, "outcome": self.outcome or to,
                "ended_at": at}

    def of_task(self, to: TaskState, at: datetime) -> dict[str, Any]:
        """The columns of the task, besides its state."""
        columns = {"finished_at": at, "due_at": None, **self.fields, "result": self.result, "error": self.error,
                   "detail": self.detail}
        if to == TaskState.SUCCEEDED:
            columns["progress"] = 100.0
        return columns

    def fact(self, task: Task) -> dict[str, Any]:
        """What the event says."""
        return {"attempt": task.attempt, **({"error": self.error.split("\n")[0][:500]} if self.error else {})}


def end(task: Task, to: TaskState, ending: Ending, then: Callable[[Task], None] | None = None) -> TaskState | None:
    """End a task, and do what follows in the same transaction; returns the state it ended in, None when another was
    first. When the hook raises, nothing that it did stays, and the task ends as failed and says so."""
    ending = replace(ending, error=cleaned(ending.error), detail=cleaned(ending.detail))
    try:
        return _end(task, to, ending, then)
    except HookFailed as failure:
        cause = failure.__cause__
        logger.exception("The hook of task %s, which was to be %s, raised.", task.pk, to, exc_info=cause)
    what = f"What follows when it has {to} did not work: {type(cause).__name__}: {cause}"
    fields = dict(ending.fields)
    if fields.get("progress") is not None:
        fields["progress"] = min(fields["progress"], 99.0)
    ending = replace(
        ending, result=None, error=cleaned(f"{ending.error}\n{what}" if ending.error else what), fields=fields,
        detail=cleaned("\n".join(filter(None, [ending.detail, "".join(traceback.format_exception(cause))]))),
    )  # fmt: skip
    if to != TaskState.FAILED:
        try:
            return _end(task, TaskState.FAILED, ending, then)
        except HookFailed as failure:
            logger.exception("on_failed of task %s raised as well.", task.pk, exc_info=failure.__cause__)
    return _end(task, TaskState.FAILED, ending, then, heard=False)


def end_all(tasks: Sequence[Task], to: TaskState, endings: Mapping[uuid.UUID, Ending]) -> list[Task]:
    """End tasks that wait, each with an ending that names the same columns as the others do, and whose jobs do not
    listen for that (`listens`). Returns those of which nobody else was first."""
    now = timezone.now()
    columns = {task.pk: endings[task.pk].of_task(to, now) for task in tasks}
    same, each = {}, {}
    for name, value in columns[tasks[0].pk].items() if tasks else ():
        values = {key: row[name] for key, row in columns.items()}
        if all(other == value for other in values.values()):
            same[name] = value
        else:
            each[name] = values
    return move_all(tasks, to, sources=WAITING, facts=lambda task: endings[task.pk].fact(task), each=each, **same)


def listens(task: Task, to: TaskState) -> bool:
    """Whether its job has a hook for that end: most have none, and need no savepoint for it."""
    job, name = job_class(task.job), f"on_{to}"
    return job is not None and getattr(job, name) is not getattr(Job, name)


def close_attempt(task: Task, ending: Ending, at: datetime) -> None:
    """Write how an attempt ended, unless that is known. The task goes on: the ending names the outcome."""
    run(_closing(task, ending.outcome, ending, at))


def _end(task: Task, to: TaskState, ending: Ending, then: Callable[[Task], None] | None, *,
         heard: bool = True) -> TaskState | None:
    now, waits = timezone.now(), ending.attempt is None
    fields = ending.of_task(to, now)
    before = {name: getattr(task, name) for name in ("state", *fields)}
    heard = heard and listens(task, to)
    write = partial(move, task, to, sources=WAITING if waits else {TaskState.RUNNING}, fence=ending.attempt,
                    wanted=ending.wanted, fact=ending.fact(task), **fields,
                    also=[] if waits else [_closing(task, to, ending, now)])
    # Where it saves the trips of a transaction: most have no hook, and nothing waits for them.
    if not waits and not heard and takes_many() and write(only=UNNEEDED):
        return to
    try:
        with transaction.atomic():
            if not write():
                return None
            if heard:
                try:
                    with transaction.atomic():
                        _tell(task, to, ending)
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


def _tell(task: Task, to: TaskState, ending: Ending) -> None:
    job = job_class(task.job)(task, Progress(task))
    if to == TaskState.SUCCEEDED:
        job.on_succeeded(ending.result)
    elif to == TaskState.FAILED:
        job.on_failed(ending.error)
    else:
        job.on_cancelled()


def _closing(task: Task, to: str, ending: Ending, at: datetime) -> Statement:
    return change(Attempt, ending.of_attempt(to, at), {"task": task.pk, "number": ending.attempt, "ended_at": None})
