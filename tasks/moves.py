"""The one place that writes a task's state."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from events.actions import fact as event
from events.statements import Statement, change, insertion, run
from tasks.models import Task
from tasks.search import documents
from tasks.states import MOVES, TaskState

# Events whose name is not that of the state.
NAMES = {TaskState.RUNNING: "started"}


def move(task: Task | uuid.UUID, to: TaskState, *, sources: Iterable[TaskState] | None = None,
         fence: int | None = None, wanted: bool = False, action: str = "", fact: dict[str, Any] | None = None,
         also: Iterable[Statement] = (), **fields: Any) -> bool:
    """Move the task to a state, with `fields`, and record the event, in one transaction. False when it may not move.

    It moves only from states that MOVES allows (narrowed by `sources`) and, when `fence` is given, only while the
    attempt of that number is the newest; `wanted`: only while nobody has asked for its end. A
    Task that is handed in has the new values afterwards. `action` names the event (`task.<action>`) where the state
    alone does not, `fact` adds to its payload. `also` is written with the event.
    """
    allowed = MOVES[to] if sources is None else MOVES[to] & frozenset(sources)
    # No savepoint of its own: who calls this in a transaction wants both or neither.
    with transaction.atomic(savepoint=False):
        if isinstance(task, uuid.UUID):
            task = Task.objects.filter(pk=task).first()
            if task is None:
                return False
        conditions: dict[str, Any] = {"id": task.pk, "state": tuple(sorted(allowed))}
        if fence is not None:
            conditions["attempt"] = fence
        if wanted:
            conditions["cancel_requested"] = False
        if not allowed or not run(change(Task, {"state": to, **fields}, conditions)):
            return False
        for name, value in {"state": to, **fields}.items():
            setattr(task, name, value)
        payload = {"task": str(task.pk), "job": task.job, "subject": task.subject, **(fact or {})}
        # What people search in changes when an attempt ends: then its error is known, be it none.
        found_by = documents.note_end(task) if "error" in fields else []
        run(insertion(event(f"task.{action or NAMES.get(to, to)}", payload, about=task.subject)), *also, *found_by)
    return True
