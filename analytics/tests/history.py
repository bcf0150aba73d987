"""Tasks that end as the runner ends them, at any time in the past."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from events.ids import uuid7
from tasks.models import Attempt, Task
from tasks.states import ENDED, TaskState

JOBS = ("projects.start", "mail.send", "images.resize")


def waiting(chance: random.Random, created: datetime, **values) -> Task:
    """A task that waits."""
    fields = {"job": chance.choice(JOBS), "title": "Some work", "lane": chance.choice(("stacks", "default")),
              "priority": chance.randint(1, 10), "actor": "test", "created_at": created, "ready_at": created,
              "subject": "", **values}
    return Task.objects.create(**fields)


def end(task: Task, at: datetime, *, run: timedelta | None = None, state: str = "succeeded", worker: str = "w1"
        ) -> None:
    """It ends then, having run for so long; without `run` it never began."""
    if run is not None:
        Attempt.objects.create(task=task, number=1, worker=worker, host="here", pid=1, pid_started=1,
                               correlation_id=uuid7(), started_at=at - run, ended_at=at, outcome=state)
    Task.objects.filter(pk=task.pk).update(state=state, finished_at=at, attempt=0 if run is None else 1,
                                           started_at=None if run is None else at - run)


def some(chance: random.Random, now: datetime, days: float) -> Task:
    """One that ended at some moment of the last days, however it did."""
    at = now - timedelta(seconds=chance.uniform(0, days * 86400))
    run = timedelta(seconds=chance.lognormvariate(1, 1.5))
    project = chance.randrange(8)
    task = waiting(chance, at - run - timedelta(seconds=chance.expovariate(0.3)), state=TaskState.QUEUED,
                   **({} if project > 3 else {"subject": f"projects.project:{project}"}))
    state = chance.choice(sorted(ENDED))
    # Two may be about one project here, of which only one may be active.
    end(task, at, run=None if state == TaskState.CANCELLED else run, state=state, worker=f"w{chance.randrange(3)}")
    return task
