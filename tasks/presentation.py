"""What the pages show of tasks: plain values, so that a page and its poll cannot differ."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from events.words import span
from tasks.expectations import remaining, slower
from tasks.models import Task
from tasks.progress import shown
from tasks.states import ACTIVE, TaskState
from tasks.subjects import Subject, look_up

DURATION = re.compile(r"\d+(\.\d+)? ?(ms|s|min|h)( \d+ (s|min))?")
# Steps that run at once and are named in one line.
NAMED_STEPS = 2
ICONS = {
    TaskState.RUNNING: "s-moving",
    TaskState.SUCCEEDED: "s-succeeded",
    TaskState.FAILED: "s-failed",
    TaskState.QUEUED: "s-queued",
    TaskState.SCHEDULED: "s-scheduled",
    TaskState.BLOCKED: "s-blocked",
    TaskState.CANCELLED: "s-cancelled",
}


@dataclass(frozen=True, slots=True)
class Look:
    """A state as colour (`state`), shape (`icon`) and word."""

    state: str
    icon: str
    word: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step. `percent` is None unless it is counted; `since` is when a running one began."""

    label: str
    look: Look
    note: str
    percent: int | None
    took: str
    since: str


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as it is shown now. `percent` is None without history: the bar then has no value. `since` is when a
    running one began, `mark` changes with what the head of its page shows."""

    id: str
    title: str
    state: str
    look: Look
    active: bool
    cancelling: bool
    percent: int | None
    line: str
    left: str
    since: str
    took: str
    error: str
    steps: tuple[StepRow, ...]

    @property
    def version(self) -> str:
        """A short mark of all of it: the same mark looks the same."""
        return version_of([self])

    @property
    def mark(self) -> str:
        """A short mark of what changes seldom: state, wish to cancel, and step."""
        return version_of([(self.state, self.cancelling, self.line)])


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task in a list."""

    task: Task
    view: TaskView
    subject: Subject | None
    note: str
    level: str
    can_retry: bool


def version_of(values: Iterable[Any]) -> str:
    """A short mark of plain values, the same in every process."""
    return hashlib.blake2s(repr(list(values)).encode(), digest_size=8).hexdigest()


def view_of(task: Task, now: datetime, *, steps: bool = True) -> TaskView:
    """What to show of a task at a moment."""
    percent, left = shown(task, now)
    running = task.state == TaskState.RUNNING
    left = remaining(task, now) if running and left is None else left
    took = task.run_time(now)
    return TaskView(
        id=str(task.pk),
        title=task.title,
        state=task.state,
        look=look_of(task.state),
        active=task.is_active,
        cancelling=task.cancel_requested and task.is_active,
        percent=None if percent is None else math.floor(percent),
        line=_line(task),
        left=_left(task, left, now) if running else "",
        since=task.started_at.isoformat() if running and task.started_at else "",
        took=span(took.total_seconds()) if took is not None and not running else "",
        error=task.error,
        steps=tuple(_step(step, task, now) for step in task.steps) if steps else (),
    )


def look_of(state: str) -> Look:
    """How a state looks."""
    return Look(state, ICONS[TaskState(state)], TaskState(state).label)


def rows_of(tasks: list[Task], now: datetime) -> list[TaskRow]:
    """Tasks as a list shows them; one query per kind of subject."""
    subjects = look_up({task.subject for task in tasks})
    return [
        TaskRow(task, view := view_of(task, now, steps=False), subjects.get(task.subject), _note(task, view),
                priority_level(task.priority), is_worth_retrying(task, subjects.get(task.subject)))
        for task in tasks
    ]


def is_worth_retrying(task: Task, subject: Subject | None) -> bool:
    """Whether a page offers to do it again: it did not succeed, and what it was about is still there."""
    return task.state in (TaskState.FAILED, TaskState.CANCELLED) and not (subject and subject.gone)


def priority_level(priority: int) -> str:
    """8 to 10 is high, 4 to 7 medium, 1 to 3 low."""
    return "high" if priority >= 8 else "medium" if priority >= 4 else "low"


def _left(task: Task, left: float | None, now: datetime) -> str:
    """What is to be said of the time that a running task takes."""
    if usual := slower(task, now):
        return f"slower than usual: 95 of 100 runs took {span(usual.most)} at most"
    return "" if left is None else f"about {_rounded(left)} left"


def _is_elsewhere(task: Task) -> bool:
    return task.node not in ("", settings.HUB_NODE)


def _line(task: Task) -> str:
    if task.cancel_requested and task.is_active:
        return "Cancelling: it may tidy up first"
    if task.state == TaskState.QUEUED:
        free = f"worker of {task.node}" if _is_elsewhere(task) else "free worker"
        return task.reason or f"Waits for a {free}"
    if task.state == TaskState.SCHEDULED and task.run_at is not None:
        return f"Runs at {task.run_at:%Y-%m-%d %H:%M:%S} UTC" + (f" · {task.reason}" if task.reason else "")
    if task.state in ACTIVE and task.state != TaskState.RUNNING:
        return task.reason or task.get_state_display()
    if task.state == TaskState.RUNNING:
        return _under_way(task)
    return task.reason or task.get_state_display()


def _under_way(task: Task) -> str:
    """How many steps are done, and which run now: several may."""
    if not task.steps_total:
        return "Under way"
    running = [step.get("label") or step.get("key") or "" for step in task.steps
               if step.get("started") and not step.get("ended")]
    more = f" and {len(running) - NAMED_STEPS} more" if len(running) > NAMED_STEPS else ""
    now = f" · {', '.join(running[:NAMED_STEPS])}{more}" if running else ""
    return f"{task.steps_done} of {task.steps_total} done{now}"


def _note(task: Task, view: TaskView) -> str:
    if task.state == TaskState.RUNNING:
        return f"{view.line} · {view.left}" if view.left else view.line
    if task.state == TaskState.FAILED:
        return task.error.split("\n", 1)[0]
    if task.is_active:
        return view.line
    return task.reason or (f"{task.attempt} attempts" if task.attempt > 1 else "")


def _step(step: dict[str, Any], task: Task, now: datetime) -> StepRow:
    started, ended, usual = _time(step.get("started")), _time(step.get("ended")), step.get("usual")
    done, total, detail = step.get("done") or 0, step.get("total") or 1, step.get("detail") or ""
    if DURATION.fullmatch(detail):  # the row itself counts the time
        detail = ""
    label = step.get("label") or step.get("key") or ""
    if ended and step.get("failed"):
        took = span((ended - started).total_seconds()) if started else ""
        return StepRow(label, look_of(TaskState.FAILED), detail, None, took, "")
    if ended:
        took = span((ended - started).total_seconds()) if started else ""
        return StepRow(label, look_of(TaskState.SUCCEEDED), detail, 100, took, "")
    if started and task.is_active:
        counted = f"{done} of {total}" if total > 1 else ""
        percent = min(99, done * 100 // total) if total > 1 else None
        note = ", ".join(part for part in (counted, detail) if part)
        return StepRow(label, look_of(TaskState.RUNNING), note, percent, "", started.isoformat())
    if started:
        state = TaskState.CANCELLED if task.state == TaskState.CANCELLED else TaskState.FAILED
        took = span(((task.finished_at or now) - started).total_seconds())
        return StepRow(label, look_of(state), detail, None, took, "")
    if task.is_active:
        waits = Look(TaskState.QUEUED, ICONS[TaskState.QUEUED], "waits")
        return StepRow(label, waits, f"usually {span(usual)}" if usual else "", None, "", "")
    missed = Look(TaskState.CANCELLED, ICONS[TaskState.CANCELLED], "not reached")
    return StepRow(label, missed, "not reached", None, "", "")


def _rounded(seconds: float) -> str:
    """So that a guess does not look like knowledge, and does not change at every look."""
    grain = 1 if seconds < 10 else 5 if seconds < 120 else 60
    return span(max(10, math.ceil(seconds / grain) * grain)) if seconds >= 10 else f"{math.ceil(seconds)} s"


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
