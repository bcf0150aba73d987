"""How long tasks usually run, for `tasks.expectations`: from the roll-ups, so that no run is forgotten when it is
pruned, and one query answers, however many there were."""

from __future__ import annotations

import time

from analytics.facts import SEPARATOR, project_of
from analytics.models import DAY, Bucket
from analytics.spread import Spread
from tasks.expectations import Usual
from tasks.states import TaskState

# Older runs are those of another time.
DAYS = 30


def usual_run(job: str, subject: str) -> Usual | None:
    """How long that job ran on that project, or on anything where it is about no project, in the last month."""
    project = project_of(subject)
    if subject and not project:
        return None  # of other subjects nothing is kept, and those of a job may differ much
    dimension, key = ("operation", f"{project}{SEPARATOR}{job}") if project else ("job", job)
    buckets = Bucket.objects.filter(
        series__dimension=dimension, series__key=key, series__state=TaskState.SUCCEEDED.value, width=DAY,
        start__gte=int(time.time()) // DAY * DAY - DAYS * DAY).order_by()
    rows = list(buckets.values_list("ran", "run_max", "runs"))
    runs = sum(ran for ran, _, _ in rows)
    if not runs:
        return None
    half, most = Spread(*(spread for _, _, spread in rows)).quantiles(0.5, 0.95)
    longest = max(longest for _, longest, _ in rows)
    return Usual(runs, min(half, longest) / 1e6, min(most, longest) / 1e6)
