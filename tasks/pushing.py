"""Tasks go to their queues on the terms of their jobs."""

from __future__ import annotations

from collections.abc import Sequence

from tasks import queue
from tasks.job import Job, job_class
from tasks.models import Task


def push(task: Task, *, first: bool = False) -> bool:
    """Put a queued task on its queue (`first`: before the others). False when Redis is away."""
    return push_all([task], first=first)


def push_all(tasks: Sequence[Task], *, first: bool = False) -> bool:
    """Put queued tasks on their queues in this order, in one trip to Redis. False when it is away."""
    return queue.push([(task, _terms(task)) for task in tasks], first=first) if tasks else True


def _terms(task: Task) -> queue.Terms:
    job = job_class(task.job) or Job
    limits = job.limits()
    return queue.Terms(limits.soft, limits.hard, job.cancel_grace, job.own_process)
