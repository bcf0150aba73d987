"""The step of `watch` that decides how many workers `up` keeps, and lets go of those that are too many.

Such a worker is told to stop: it takes no more tasks, finishes the one it may have got at that moment, and ends by
itself. So nobody has to remember it, and no task is cut off for it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone

from hub.launch.fleet import PREFIX, want, wanted
from hub.launch.lock import HubLock
from tasks import closings, queue, workers
from tasks.crews.actions import decided
from tasks.crews.models import Crew
from tasks.models import Task
from tasks.queue import ORDERS, WorkerInfo
from tasks.scaling import Bounds, Load, Memory, decide
from tasks.states import TaskState


class Scaler:
    """Remembers from pass to pass what was decided; what must not be lost stands in the data folder and in the row of
    the crew. `data` is the folder of the `up` that it decides for; without one on this folder it does nothing."""

    def __init__(self, data: Path, bounds: Bounds, usual: int):
        self._data, self._bounds = data, bounds
        # It does not know when the last change was: it rests as if that had been now.
        self._memory = Memory(wanted(data) or usual, changed_at=time.monotonic())

    def scale(self) -> list[str]:
        """One pass; what it decided and did, one sentence each. Raises QueueAway."""
        mine = self._workers()
        if not mine:
            return []
        bounds = self._bounds_now()
        memory = decide(self._load(mine, bounds), bounds, self._memory)
        # First the row, then the file: a death between the two decides the same once more.
        decided(settings.HUB_NODE, fewest=self._bounds.fewest, most=self._bounds.most, wanted=memory.wanted,
                reason=memory.reason)
        want(self._data, memory.wanted)
        self._memory = memory
        return [*filter(None, [memory.reason]), *self._let_go(mine, by_hand=bounds is not self._bounds)]

    def _bounds_now(self) -> Bounds:
        """Those of the settings, or what was set by hand."""
        row = Crew.objects.filter(pk=settings.HUB_NODE).only("fixed", "note").first()
        if row is None or row.fixed is None:
            return self._bounds
        why = f"{row.note.rstrip('.')}. {row.fixed} workers."
        return replace(self._bounds, fewest=row.fixed, most=row.fixed, why=why)

    def _let_go(self, mine: list[WorkerInfo], *, by_hand: bool) -> list[str]:
        """Of those that are too many the idle ones, and by hand also those at work: these end after their task."""
        staying = [one for one in mine if one.state not in ORDERS.values()]
        chosen = [one for one in staying if one.state == "idle"]
        if by_hand:
            chosen += [one for one in staying if one.state != "idle"]
        said = []
        for one in chosen[: max(len(staying) - self._memory.wanted, 0)]:  # those that began last
            workers.order(one.name, "stop")
            said.append(f"The worker {one.name} takes no more tasks and ends, for there are too many workers.")
        return said

    def _load(self, mine: list[WorkerInfo], bounds: Bounds) -> Load:
        """What waits on lanes that are open, and not for another node: for the rest more workers are no help."""
        if bounds.fewest == bounds.most:  # it changes nothing then
            return Load(time.monotonic(), 0, 0.0, len(mine), 0)
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
    bounds = Bounds(env.fewest_workers, env.most_workers, env.workers_patience, cooldown=env.workers_cooldown)
    return Scaler(env.data, bounds, env.workers)


def scale() -> list[str]:
    """One pass of this process's scaler; nothing while Redis is away."""
    try:
        return _scaler().scale()
    except (queue.QueueAway, workers.NoSuchWorker, workers.Unheard) as error:
        return [f"The workers are not scaled just now: {error}"]
