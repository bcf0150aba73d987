"""The scheduler: begins the runs that are due. Called by `watch` every second.

Any number may look at once. The time that a schedule is due at is moved on by a conditional UPDATE, in the transaction
that enqueues: who moves it has the run, and a death in between undoes both. After an outage the time moves on to the
next one from now, so that whatever was missed is one run.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime

from django.db import Error, transaction
from django.db.models import Q
from django.utils import timezone

from events.actions import record
from events.context import acting
from tasks.errors import BadTask
from tasks.schedules.models import Schedule
from tasks.schedules.runs import begin, unfinished

logger = logging.getLogger(__name__)


def tick() -> list[str]:
    """One pass; what began or did not, one sentence each. A schedule that cannot run does not stop the others."""
    now, done = timezone.now(), []
    due = Q(next_run_at__lte=now) | Q(next_run_at=None) | Q(waiting=True)
    for schedule in Schedule.objects.filter(due, paused=False):
        with acting(actor=f"schedule:{schedule.name}", via="watch", correlation=uuid.uuid4()):
            try:
                done += _look_at(schedule, now)
            except Error:
                raise
            except Exception as error:
                logger.exception("Schedule %s cannot run.", schedule.name)
                done.append(_give_up(schedule, error))
    return done


def _look_at(schedule: Schedule, now: datetime) -> list[str]:
    if schedule.next_run_at is None:
        planned = schedule.rhythm.after(now)
        Schedule.objects.filter(pk=schedule.pk, next_run_at=None, paused=False).update(next_run_at=planned)
        return []
    if schedule.next_run_at <= now:
        return _run(schedule, now)
    if unfinished(schedule).exists():
        return []
    with transaction.atomic():
        mine = Schedule.objects.filter(pk=schedule.pk, waiting=True, paused=False)
        return [_begin(schedule)] if mine.update(waiting=False, last_run_at=now) else []


def _run(schedule: Schedule, now: datetime) -> list[str]:
    was = schedule.next_run_at
    # A clock that was set back must not make the same time due again.
    following = schedule.rhythm.after(max(now, was), anchor=was)
    with transaction.atomic():
        mine = Schedule.objects.filter(pk=schedule.pk, next_run_at=was, paused=False)
        return [_begin(schedule)] if mine.update(next_run_at=following, last_run_at=now) else []


def _begin(schedule: Schedule) -> str:
    try:
        with transaction.atomic():
            task = begin(schedule)
    except BadTask as error:
        record("schedule.failed", {"schedule": schedule.pk, "name": schedule.name, "error": error.message})
        Schedule.objects.filter(pk=schedule.pk).update(problem=error.message[:500])
        return f"{schedule.name} could not run: {error.message}"
    if task is not None:
        return f"{schedule.name} runs as task {task.pk}."
    return f"{schedule.name} {'waits for' if schedule.waiting else 'is left out during'} its last run."


def _give_up(schedule: Schedule, error: Exception) -> str:
    """It would raise at every look, so it is paused, and says why."""
    problem = f"{type(error).__name__}: {error}"[:500]
    with transaction.atomic():
        fields = {"paused": True, "paused_by": "hub", "next_run_at": None, "waiting": False, "problem": problem}
        if Schedule.objects.filter(pk=schedule.pk, paused=False).update(**fields):
            record("schedule.paused", {"schedule": schedule.pk, "name": schedule.name, "error": problem})
    return f"{schedule.name} is paused: {problem}"
