"""Blocked tasks, many at a time: which of them have nothing left to wait for, and what becomes of those."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from events.context import acting
from tasks.dependencies import WORDS, locked
from tasks.ending import Ending, end, end_all, listens
from tasks.models import Dependency, Task, Unmet
from tasks.moves import move_all
from tasks.pushing import push_all
from tasks.states import ENDED, TaskState

# What the move, the event and the push of a task need that has not run. Not its parameters, which may be long.
COLUMNS = ("id", "job", "title", "subject", "lane", "node", "priority", "gained", "state", "attempt", "actor",
           "correlation_id", "run_at", "started_at", "steps", "error")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a task ends because of one that it needs, and why."""

    to: TaskState
    why: str

    @property
    def ending(self) -> Ending:
        return Ending(error=self.why) if self.to == TaskState.FAILED else Ending(fields={"reason": self.why[:300]})


@dataclass(frozen=True, slots=True)
class Need:
    """One of the things that a task needs, `unmet` what is to become of it when that does not succeed."""

    id: uuid.UUID
    title: str
    state: str
    unmet: str


@dataclass(slots=True)
class Moved:
    """What became of blocked tasks: the new states of those that moved, and those that have to go on waiting, or are
    in other hands."""

    states: dict[uuid.UUID, TaskState] = field(default_factory=dict)
    left: list[uuid.UUID] = field(default_factory=list)

    @property
    def ended(self) -> list[uuid.UUID]:
        return [key for key, state in self.states.items() if state in ENDED]


def go_on(keys: Sequence[uuid.UUID], *, only_free: bool = False,
          known: Mapping[uuid.UUID, Task] | None = None) -> Moved:
    """In the caller's transaction: of these tasks, move those that are blocked for nothing. They become queued,
    scheduled until their time, or end with what they needed; one may end because of another before it.

    `only_free`: those that have to go on waiting are not asked whether they end. `known`: objects that are to have the
    new values. Whoever holds the row of a task is about to move it, so it is passed over.
    """
    found = {task.pk: task for task in locked(keys, COLUMNS)}
    tasks = [found[key] for key in keys if key in found]
    needs = _unmet([task.pk for task in tasks if not (only_free and task.waits)])
    whole = Task.everything.in_bulk([task.pk for task in tasks if _is_wanted_whole(task, needs[task.pk])])
    moved = Moved(left=[key for key in keys if key not in found])
    judged = [((known or whole).get(task.pk, task), verdict) for task, verdict in _judged(tasks, needs, moved.states)]
    _end([pair for pair in judged if pair[1] is not None], moved.states)
    free = [task for task, verdict in judged if verdict is None and not found[task.pk].waits]
    moved.left += [task.pk for task, verdict in judged if verdict is None and found[task.pk].waits]
    moved.states = {key: state for key, state in moved.states.items() if state is not None}
    for task in _let_run(free):
        moved.states[task.pk] = TaskState(task.state)
    return moved


def _unmet(keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Need]]:
    """What these tasks need of what ended otherwise than by succeeding, and of each other, in the order in which it was
    said, where it is not all the same to them how it ends."""
    found: dict[uuid.UUID, list[Need]] = defaultdict(list)
    bad = Dependency.objects.filter(Q(needs__state__in=sorted(WORDS)) | Q(needs__in=keys), task__in=keys)
    rows = bad.exclude(unmet=Unmet.RUN).order_by("id")
    for key, *need in rows.values_list("task", "needs", "needs__title", "needs__state", "unmet") if keys else ():
        found[key].append(Need(*need))
    return found


def _is_wanted_whole(task: Task, needs: Iterable[Need]) -> bool:
    """Whether its end asks for more than COLUMNS: what its hook is given, or what people search in."""
    return any(task.attempt or need.unmet == Unmet.FAIL or listens(task, TaskState.CANCELLED) for need in needs)


def _judged(tasks: Iterable[Task], needs: Mapping[uuid.UUID, Sequence[Need]], states: dict[uuid.UUID, TaskState]
            ) -> Iterator[tuple[Task, Verdict | None]]:
    """Each with how it ends, None when it does not, as far as is known. Writes down the states of those that end."""
    for task in tasks:
        verdict = next(filter(None, (_verdict(need, states) for need in needs.get(task.pk, ()))), None)
        if verdict is not None:
            states[task.pk] = verdict.to
        yield task, verdict


def _verdict(need: Need, states: Mapping[uuid.UUID, TaskState]) -> Verdict | None:
    state = states.get(need.id, need.state)
    if state not in WORDS:
        return None
    why = f"“{need.title}”, which it needs, {WORDS[TaskState(state)]}."
    if need.unmet == Unmet.SKIP:
        return Verdict(TaskState.CANCELLED, f"Skipped: {why}")
    return Verdict(TaskState.FAILED, why)


def _end(tasks: Sequence[tuple[Task, Verdict]], states: dict[uuid.UUID, TaskState]) -> None:
    """End tasks, those whose job has a hook one by one, and write down the states that they have then."""
    alike: dict[TaskState, dict[Task, Ending]] = defaultdict(dict)
    for task, verdict in tasks:
        if not listens(task, verdict.to):
            alike[verdict.to][task] = verdict.ending
            continue
        with acting(actor=task.actor, correlation=task.correlation_id):
            states[task.pk] = end(task, verdict.to, verdict.ending)
    for to, endings in alike.items():
        ended = end_all(list(endings), to, {task.pk: ending for task, ending in endings.items()})
        for task in endings.keys() - ended:
            states[task.pk] = None


def _let_run(tasks: Iterable[Task]) -> list[Task]:
    """Those of these tasks that are queued now, and on their way to a queue, or scheduled until their time."""
    now, done = timezone.now(), []
    alike: dict[tuple[datetime | None, bool], list[Task]] = defaultdict(list)
    for task in tasks:
        later = task.run_at if task.run_at is not None and task.run_at > now else None
        alike[later, task.started_at is None].append(task)
    for (later, has_not_run), group in alike.items():
        fields = {"reason": "", **({"ready_at": later or now} if has_not_run else {})}
        if later is not None:
            done += move_all(group, TaskState.SCHEDULED, sources={TaskState.BLOCKED}, action="released", **fields)
            continue
        queued = move_all(group, TaskState.QUEUED, sources={TaskState.BLOCKED}, action="released", queued_at=now,
                          **fields)
        transaction.on_commit(partial(push_all, queued), robust=True)
        done += queued
    return done
