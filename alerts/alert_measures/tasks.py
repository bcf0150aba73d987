"""Measures of tasks: each is one query that an index answers, however much history there is."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Min, Q, QuerySet

from alerts.registry import Measure, Reading, Readings, Scope, register
from events.charts.units import PERCENT, SECONDS, count
from events.words import span
from tasks.models import Task
from tasks.states import TaskState

RAN = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
JUDGED = (TaskState.SUCCEEDED, TaskState.FAILED)


def _of(scope: Scope) -> QuerySet[Task]:
    tasks = Task.objects.order_by()
    if scope.lane:
        tasks = tasks.filter(lane=scope.lane)
    return tasks.filter(job=scope.job) if scope.job else tasks


def _ended(scope: Scope) -> QuerySet[Task]:
    return _of(scope).filter(finished_at__gt=scope.now - timedelta(seconds=scope.window), finished_at__lte=scope.now)


def _counts(scope: Scope) -> dict[str, int]:
    return _ended(scope).filter(state__in=JUDGED).aggregate(
        all=Count("pk"), failed=Count("pk", filter=Q(state=TaskState.FAILED)))


def _failure_rate(scope: Scope) -> Readings:
    """Those that were cancelled say nothing about failing."""
    found = _counts(scope)
    if not found["all"] or found["all"] < scope.minimum:
        return {}
    note = f"{found['failed']} of {found['all']} in {span(scope.window)}"
    return {"": Reading(100 * found["failed"] / found["all"], note)}


def _failed(scope: Scope) -> Readings:
    found = _counts(scope)
    return {"": Reading(found["failed"], f"of {found['all']} in {span(scope.window)}")}


def _ended_count(scope: Scope) -> Readings:
    return {"": Reading(_counts(scope)["all"], f"in {span(scope.window)}")}


def _waiting(scope: Scope) -> QuerySet[Task]:
    return _of(scope).filter(state=TaskState.QUEUED)


def _depth(scope: Scope) -> Readings:
    found = _waiting(scope).aggregate(number=Count("pk"), oldest=Min("queued_at"))
    note = f"the oldest for {span((scope.now - found['oldest']).total_seconds())}" if found["oldest"] else ""
    return {"": Reading(found["number"], note)}


def _oldest(scope: Scope) -> Readings:
    found = _waiting(scope).aggregate(number=Count("pk"), oldest=Min("queued_at"))
    if found["oldest"] is None:
        return {"": Reading(0)}
    return {"": Reading((scope.now - found["oldest"]).total_seconds(), f"of {found['number']} that wait")}


def _running(scope: Scope) -> Readings:
    return {"": Reading(_of(scope).filter(state=TaskState.RUNNING).count())}


def _run_mean(scope: Scope) -> Readings:
    found = _ended(scope).filter(started_at__isnull=False).aggregate(number=Count("pk"), mean=Avg(RAN))
    if not found["number"] or found["number"] < scope.minimum:
        return {}
    return {"": Reading(found["mean"].total_seconds(), f"of {found['number']} in {span(scope.window)}")}


def _run_longest(scope: Scope) -> Readings:
    first = _of(scope).filter(state=TaskState.RUNNING, started_at__isnull=False).order_by("started_at").values_list(
        "started_at", "title").first()
    if first is None:
        return {"": Reading(0)}
    return {"": Reading(max(0.0, (scope.now - first[0]).total_seconds()), first[1][:100])}


register(
    Measure("tasks.failure_rate", "Failure rate", PERCENT, "%",
            "Failed tasks among those that succeeded or failed in the window.", _failure_rate, windowed=True,
            scoped=True),
    Measure("tasks.failed", "Failed tasks", count("tasks"), "tasks", "How many failed in the window.", _failed,
            windowed=True, scoped=True),
    Measure("tasks.ended", "Tasks done", count("tasks"), "tasks",
            "How many succeeded or failed in the window; below 1, something that should run does not.", _ended_count,
            "below", windowed=True, scoped=True),
    Measure("tasks.depth", "Tasks waiting", count("tasks"), "tasks", "How many wait for a worker now.", _depth,
            scoped=True),
    Measure("tasks.oldest", "Oldest waiting", SECONDS, "seconds", "How long the oldest has been waiting for a worker.",
            _oldest, scoped=True),
    Measure("tasks.running", "Tasks running", count("tasks"), "tasks", "How many run now.", _running, scoped=True),
    Measure("tasks.run_mean", "Average run", SECONDS, "seconds", "The mean run of the tasks that ended in the window.",
            _run_mean, windowed=True, scoped=True),
    Measure("tasks.run_longest", "Longest running", SECONDS, "seconds",
            "How long the task has been running that began first.", _run_longest, scoped=True),
)
