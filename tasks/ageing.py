"""Ageing: a task that waits gains a rank every HUB_AGEING seconds, so that no flood of others starves it.

Above the highest priority is one more rank. A task of priority `p` reaches it after `(11 - p) * HUB_AGEING` seconds of
waiting, and then only those start before it that reached it earlier: that is the bound. Called by `watch`.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from tasks import queue
from tasks.lanes import HIGHEST, LOWEST, OVERDUE
from tasks.models import Task
from tasks.states import TaskState

# So many in one pass: what is left has its turn in the next.
BATCH = 1000


def age(now: datetime | None = None) -> list[str]:
    """One pass: raise the tasks whose time has come, those that waited longest first; a sentence when there were any.

    A worker may take one meanwhile. It then is on no queue any more, and is not put on one again.
    """
    now, step = now or timezone.now(), timedelta(seconds=settings.HUB_AGEING)
    due = reduce(or_, (Q(gained=gained, queued_at__lte=now - step * (gained + 1)) for gained in range(HIGHEST)))
    tasks = list(
        Task.everything.filter(due, state=TaskState.QUEUED, priority__lte=HIGHEST - F("gained"))
        .only("id", "lane", "node", "priority", "gained", "queued_at").order_by("queued_at", "id")[:BATCH]
    )  # fmt: skip
    if not tasks:
        return []
    groups: dict[tuple[int, int], list[Task]] = defaultdict(list)
    for task in tasks:
        gained = min(int((now - task.queued_at) / step), OVERDUE - task.priority)
        groups[task.gained, gained].append(task)
    for (before, gained), group in groups.items():
        waiting = Task.everything.filter(pk__in=[task.pk for task in group], state=TaskState.QUEUED, gained=before)
        waiting.update(gained=gained)
        for task in group:
            task.gained = gained
    queue.requeue(sorted(tasks, key=lambda task: task.queued_at - step * task.priority))
    return [f"{len(tasks)} waiting tasks have gained a rank."]


def longest_wait(priority: int = LOWEST) -> timedelta:
    """After so long a waiting task of that priority stands before all that came later."""
    return timedelta(seconds=settings.HUB_AGEING) * (OVERDUE - priority)
