"""How long the steps of a task usually take: the median of the last runs of the same job on the same subject."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from statistics import median

from tasks.models import Task
from tasks.states import TaskState
from tasks.steps import Usual, elapsed

RUNS = 10


def usual_lengths(task: Task) -> dict[str, Usual]:
    """By key of the step, from the last ten runs that succeeded; empty without any.

    A task about nothing in particular is compared with those that had the same parameters.
    """
    runs = Task.objects.filter(job=task.job, subject=task.subject, state=TaskState.SUCCEEDED)
    if not task.subject:
        runs = runs.filter(params=task.params)
    lengths, tails = defaultdict(list), defaultdict(list)
    for steps, finished_at in runs.order_by("-id").values_list("steps", "finished_at")[:RUNS]:
        for step in steps:
            if step["started"] and step["ended"]:
                ended = datetime.fromisoformat(step["ended"])
                lengths[step["key"]].append(elapsed(step, ended))
                tails[step["key"]].append(max((finished_at - ended).total_seconds(), 0.0))
    return {key: Usual(median(lengths[key]), median(tails[key])) for key in lengths}
