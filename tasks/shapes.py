"""Tasks as JSON: the same in the API and in `--json`. Times are ISO 8601 in UTC, lengths seconds, secrets masked."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from events.times import iso
from tasks.expectations import remaining, slower
from tasks.masking import masked, told, told_detail
from tasks.models import Attempt, Dependency, LogLine, Task
from tasks.nodes.registry import waits_for
from tasks.progress import shown
from tasks.states import CELERY_STATES, ENDED, TaskState

PROJECT_SUBJECT = "projects.project:"
LOG_TAIL = 50


def project_of(task: Task) -> int | None:
    """The id of the project that a task is about, None when it is about something else."""
    prefix, _, number = task.subject.rpartition(":")
    return int(number) if f"{prefix}:" == PROJECT_SUBJECT and number.isdecimal() else None


def with_relatives(tasks: QuerySet[Task]) -> QuerySet[Task]:
    """The tasks with all that `task_dict` reads of them, in four queries however many they are."""
    children = Task.objects.only("id", "parent_id").order_by("id")
    needs = Dependency.objects.select_related("needs").only("id", "task_id", "needs__id", "needs__parent_id")
    return tasks.prefetch_related("attempts", Prefetch("children", children), Prefetch("dependencies", needs))


def task_dict(task: Task) -> dict[str, Any]:
    """A task as the contract shapes it, but for what only its own page shows: `detail` and `log_tail`."""
    wait, run = task.wait(), task.run_time()
    now = timezone.now()
    progress, left = shown(task, now)
    return {
        "id": str(task.pk),
        "job": task.job,
        "name": task.title,
        "state": task.state,
        "priority": task.priority,
        "lane": task.lane,
        "queue": task.queue,
        "node": task.node or None,
        "params": told(task.params),
        "progress": progress,
        "step": task.step,
        "steps_done": task.steps_done,
        "steps_total": task.steps_total,
        "remaining": remaining(task, now) if left is None else left,
        "slower_than_usual": slower(task, now) is not None,
        "result": masked(task.result),
        "error": task.error or None,
        "attempt": task.attempt,
        "attempts": [attempt_dict(attempt) for attempt in task.attempts.all()],
        "created_at": iso(task.created_at),
        "run_at": iso(task.run_at),
        "started_at": iso(task.started_at),
        "finished_at": iso(task.finished_at),
        "wait": None if wait is None else wait.total_seconds(),
        "run": None if run is None else run.total_seconds(),
        "parent": str(task.parent_id) if task.parent_id else None,
        "children": [str(child.pk) for child in task.children.all()],
        "depends_on": [str(each.needs_id) for each in task.dependencies.all() if each.needs.parent_id != task.pk],
        "retry_of": str(task.retry_of_id) if task.retry_of_id else None,
        "project": project_of(task),
        "actor": task.actor,
        "correlation_id": str(task.correlation_id),
    }


def task_detail(task: Task) -> dict[str, Any]:
    """The whole of a task: `detail` is the rest of its error, `log_tail` its last 50 lines, oldest first."""
    lines = task.log_lines.order_by("-id")[:LOG_TAIL]
    tail = [line_dict(line) for line in reversed(lines)]
    return {**task_dict(task), "detail": told_detail(task.detail), "log_tail": tail}


def attempt_dict(attempt: Attempt) -> dict[str, Any]:
    """One try; `outcome` is null while it lasts."""
    return {
        "number": attempt.number,
        "started_at": iso(attempt.started_at),
        "ended_at": iso(attempt.ended_at),
        "outcome": attempt.outcome or None,
        "error": attempt.error or None,
        "exit_code": attempt.exit_code,
        "signal": attempt.signal or None,
        "memory": attempt.memory,
        "worker": attempt.worker,
    }


def line_dict(line: LogLine) -> dict[str, Any]:
    """One line of a task's log."""
    return {"at": iso(line.at), "level": line.level, "source": line.source, "text": line.text}


def celery_status(task: Task) -> dict[str, Any]:
    """A task for scripts written against Celery: `state` in its words, `status` a sentence for people."""
    return {
        "task_id": str(task.pk),
        "state": CELERY_STATES[task.state],
        "ready": task.state in ENDED,
        "status": sentence(task),
        "progress": shown(task)[0],
        "result": masked(task.result),
        "error": task.error or None,
    }


def accepted_dict(task: Task) -> dict[str, Any]:
    """What a request that began a task is answered."""
    waits = waits_for(task.node) if task.state == TaskState.QUEUED and task.node != settings.HUB_NODE else ""
    return {"task_id": str(task.pk), "status": task.state, "message": f"{task.title}: {sentence(task)} {waits}".strip()}


def sentence(task: Task) -> str:
    """Where a task stands, in a few words."""
    if task.state == TaskState.RUNNING:
        return task.step or "Running."
    if task.state == TaskState.FAILED:
        return task.error or "Failed."
    return task.reason or f"{TaskState(task.state).label}."
