"""Whether a job that failed is tried again, and after what pause."""

from __future__ import annotations

import random

from tasks.job import Job
from tasks.models import Attempt, Task

# Beyond this a power of two says nothing but "the cap".
MOST_DOUBLINGS = 64


def pause(job: type[Job], retry: int, chance: float | None = None) -> float:
    """Seconds before the `retry`-th retry (1 is the first): exponential, capped, and half of it left to chance.

        longest = min(backoff_cap, backoff * 2 ** (retry - 1))
        pause   = longest / 2 + chance * longest / 2        with chance evenly from 0 to 1

    So many tasks that failed together do not come back together, and none comes back at once.
    """
    longest = min(job.backoff_cap, job.backoff * 2.0 ** min(retry - 1, MOST_DOUBLINGS))
    return longest * (1 + (random.random() if chance is None else chance)) / 2


def next_retry(job: type[Job] | None, task: Task, cause: type[BaseException]) -> int | None:
    """The number of the retry that follows an error of that class in the newest attempt; None when none does.

    Only attempts that raised or took too long are counted: a death, and a wait for children, take none away.
    """
    if job is None or not job.retries or issubclass(cause, job.no_retry_on):
        return None
    before = Attempt.objects.filter(task=task.pk, number__lt=task.attempt, outcome=Attempt.Outcome.FAILED).count()
    return before + 1 if before < job.retries else None


def deaths(task: Task) -> int:
    """How often its process has died before the newest attempt."""
    return Attempt.objects.filter(task=task.pk, number__lt=task.attempt, outcome=Attempt.Outcome.DIED).count()
