"""One run of a schedule: begun, left out, or waiting for the last one to end."""

from __future__ import annotations

import contextlib

from django.db.models import QuerySet

from events.actions import record
from tasks import actions
from tasks.errors import AlreadyEnded, BadTask
from tasks.job import job_class
from tasks.models import Task
from tasks.schedules.errors import StillRunning
from tasks.schedules.models import Overlap, Schedule
from tasks.states import ACTIVE


def unfinished(schedule: Schedule) -> QuerySet[Task]:
    """The runs of a schedule that have not ended."""
    return Task.objects.filter(schedule=schedule, state__in=sorted(ACTIVE))


def begin(schedule: Schedule, *, by_hand: bool = False) -> Task | None:
    """Enqueue a run, or do as the schedule says when the last one has not ended; None when no task was made.

    The caller holds the schedule's row in a transaction. Raises BadTask when the job refuses, and by hand StillRunning
    where the scheduler would leave a run out.
    """
    last = unfinished(schedule).order_by("-id").first()
    if last is not None and schedule.overlap == Overlap.CANCEL:
        for task in unfinished(schedule):
            with contextlib.suppress(AlreadyEnded):
                actions.cancel(task)
        last = unfinished(schedule).order_by("-id").first()
    if last is None:
        return _enqueue(schedule)
    if schedule.overlap == Overlap.SKIP:
        if by_hand:
            raise StillRunning(f"The last run of “{schedule.name}” has not ended. Wait for it, or cancel it.")
        record("schedule.skipped", {"schedule": schedule.pk, "name": schedule.name, "task": str(last.pk)})
        return None
    _keep(schedule, waiting=True)
    return None


def _enqueue(schedule: Schedule) -> Task:
    job = job_class(schedule.job)
    if job is None:
        raise BadTask(f"This Hub has no job named {schedule.job!r} any more.", "job")
    task = actions.enqueue(job, schedule.params, priority=schedule.priority, lane=schedule.lane or None)
    Task.objects.filter(pk=task.pk).update(schedule=schedule)
    task.schedule = schedule
    _keep(schedule, waiting=False, last_task=task, problem="")
    record("schedule.ran", {"schedule": schedule.pk, "name": schedule.name, "task": str(task.pk)})
    return task


def _keep(schedule: Schedule, **fields: object) -> None:
    Schedule.objects.filter(pk=schedule.pk).update(**fields)
    for name, value in fields.items():
        setattr(schedule, name, value)
