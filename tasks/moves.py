"""The one place that writes a task's state."""

from __future__ import annotations

import copy
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from events.actions import fact as event
from events.context import acting
from events.models import Event
from events.statements import Clause, Statement, change, changed, insertion, insertions, run, run_given
from tasks.models import Task
from tasks.search import documents
from tasks.states import MOVES, TaskState

# Events whose name is not that of the state.
NAMES = {TaskState.RUNNING: "started"}


def move(task: Task | uuid.UUID, to: TaskState, *, sources: Iterable[TaskState] | None = None,
         fence: int | None = None, wanted: bool = False, action: str = "", fact: dict[str, Any] | None = None,
         also: Iterable[Statement] = (), only: Clause | None = None, **fields: Any) -> bool:
    """Move the task to a state, with `fields`, and record the event, in one transaction. False when it may not move.

    It moves only from states that MOVES allows (narrowed by `sources`) and, when `fence` is given, only while the
    attempt of that number is the newest; `wanted`: only while nobody has asked for its end; `only`: while that holds
    too. A Task that is handed in has the new values afterwards. `action` names the event (`task.<action>`) where the
    state alone does not, `fact` adds to its payload. `also` is written with the event.
    """
    allowed = MOVES[to] if sources is None else MOVES[to] & frozenset(sources)
    if isinstance(task, uuid.UUID):
        task = Task.everything.filter(pk=task).first()
    if task is None or not allowed:
        return False
    conditions: dict[str, Any] = {"id": task.pk, "state": tuple(sorted(allowed))}
    if fence is not None:
        conditions["attempt"] = fence
    if wanted:
        conditions["cancel_requested"] = False
    after = copy.copy(task)
    _set(after, to, fields)
    if not run_given(change(Task, {"state": to, **fields}, conditions, only),
                     insertion(_event(task, to, action, fact)), *also, *_found_by(after, fields)):  # fmt: skip
        return False
    _set(task, to, fields)
    return True


def move_all(tasks: Sequence[Task], to: TaskState, *, sources: Iterable[TaskState], action: str = "",
             facts: Callable[[Task], dict[str, Any]] | None = None,
             each: Mapping[str, Mapping[uuid.UUID, Any]] | None = None, **fields: Any) -> list[Task]:
    """`move` for many at once: a statement for those with the same number of attempts, which is their fence, and one
    for all events, in which each task's own actor acts. `each`: fields that have a value for each. Returns those that
    moved."""
    allowed = tuple(sorted(MOVES[to] & frozenset(sources)))
    by_attempt: dict[int, list[Task]] = defaultdict(list)
    for task in tasks if allowed else ():
        by_attempt[task.attempt].append(task)
    with transaction.atomic(savepoint=False):
        done: set[uuid.UUID] = set()
        for attempt, group in by_attempt.items():
            conditions = {"state": allowed, "attempt": attempt}
            keys = {task.pk for task in group}
            own = {name: {key: by_key[key] for key in keys} for name, by_key in (each or {}).items()}
            done |= changed(Task, {"state": to, **fields}, list(keys), conditions, own)
        moved, events, found_by = [task for task in tasks if task.pk in done], [], []
        for task in moved:
            _set(task, to, {**fields, **{name: by_key[task.pk] for name, by_key in (each or {}).items()}})
            with acting(actor=task.actor, correlation=task.correlation_id):
                events.append(_event(task, to, action, facts and facts(task)))
            found_by += _found_by(task, fields)
        if moved:
            run(*insertions(events), *found_by)
    return moved


def _set(task: Task, to: TaskState, fields: dict[str, Any]) -> None:
    for name, value in {"state": to, **fields}.items():
        setattr(task, name, value)


def _event(task: Task, to: TaskState, action: str, fact: dict[str, Any] | None) -> Event:
    payload = {"task": str(task.pk), "job": task.job, "subject": task.subject, **(fact or {})}
    return event(f"task.{action or NAMES.get(to, to)}", payload, about=task.subject)


def _found_by(task: Task, fields: dict[str, Any]) -> list[Statement]:
    """What people search in changes when an attempt ends: then its error is known, be it none."""
    return documents.note_end(task) if "error" in fields else []
