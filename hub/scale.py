"""The step of `watch` that decides how many workers `up` keeps, and lets go of those that are too many.

Such a worker is drained first, and told to stop when it works on nothing: no task is cut off for it.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from events.actions import record
from hub.launch.fleet import PREFIX, want, wanted
from hub.launch.lock import HubLock
from tasks import closings, queue, workers
from tasks.models import Task
from tasks.queue import WorkerInfo
from tasks.scaling import Bounds, Load, Memory, decide
from tasks.states import TaskState


class Scaler:
    """Remembers from pass to pass what was decided, and whom it has drained. `data` is the folder of the `up` that it
    decides for; without one on this folder it does nothing."""

    def __init__(self, data: Path, bounds: Bounds, usual: int):
        self._data, self._bounds = data, bounds
        self._memory = Memory(wanted(data) or usual)
        self._drained: set[str] = set()

    def scale(self) -> list[str]:
        """One pass; what it decided and did, one sentence each. Raises QueueAway."""
        mine = self._workers()
        if self._bounds.fewest == self._bounds.most or not mine:
            return []
        said = []
        self._memory = decide(self._load(mine), self._bounds, self._memory)
        want(self._data, self._memory.wanted)
        if self._memory.reason:
            record("worker.scaled", {"workers": self._memory.wanted, "reason": self._memory.reason})
            said.append(self._memory.reason)
        return said + self._let_go(mine)

    def _let_go(self, mine: list[WorkerInfo]) -> list[str]:
        said = []
        self._drained &= {one.name for one in mine}
        for one in mine:
            if one.name in self._drained and one.state == "draining" and not one.task:
                workers.order(one.name, "stop")
                said.append(f"The worker {one.name} is drained and ends.")
        staying = [one for one in mine if one.state not in ("draining", "stopping")]
        idle = [one for one in staying if one.state == "idle"]
        for one in idle[: max(len(staying) - self._memory.wanted, 0)]:  # those that began last
            workers.order(one.name, "drain")
            self._drained.add(one.name)
            said.append(f"The worker {one.name} takes no more tasks, for there are too many workers.")
        return said

    def _load(self, mine: list[WorkerInfo]) -> Load:
        """What waits on lanes that are open, and not for another node: for the rest more workers are no help."""
        waiting = Task.objects.filter(state=TaskState.QUEUED, held=False, node__in=["", settings.HUB_NODE])
        waiting = waiting.exclude(lane__in=closings.closed(queue.connection())).order_by()
        found = waiting.aggregate(depth=Count("pk"), since=Min("queued_at"))
        oldest = (timezone.now() - found["since"]).total_seconds() if found["since"] else 0.0
        idle = sum(one.state in ("idle", "starting") for one in mine)
        return Load(time.monotonic(), found["depth"], oldest, len(mine), idle)

    def _workers(self) -> list[WorkerInfo]:
        children = HubLock(self._data).holder().get("children", {})
        pids = {pid for name, pid in children.items() if name.startswith(PREFIX)}
        return [one for one in workers.workers() if one.pid in pids and one.node == settings.HUB_NODE]


@cache
def _scaler() -> Scaler:
    env = settings.ENV
    return Scaler(env.data, Bounds(env.fewest_workers, env.most_workers, env.workers_patience), env.workers)


def scale() -> list[str]:
    """One pass of this process's scaler; nothing while Redis is away."""
    try:
        return _scaler().scale()
    except (queue.QueueAway, workers.NoSuchWorker, workers.Unheard) as error:
        return [f"Nothing was decided: {error}"]
