"""The job that removes what is old."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from events.actions import prune_before
from tasks import queue
from tasks.errors import BadTask
from tasks.job import Job, JobFailed
from tasks.models import Task
from tasks.retention.pruning import by_rules, counted, prune
from tasks.search.filling import tidy
from tasks.states import TaskState

# Seconds between two transactions, and until a task that is just ending has ended for Redis too.
REST, ENDING = 0.05, 5.0


class Prune(Job):
    """No parameters: removes tasks and events that were kept for as long as rules and settings say, and what Redis
    remembers of tasks that are no more. Result: `{"tasks", "events", "records"}`, how many of each."""

    name = "tasks.prune"
    startable = True
    max_attempts = 3
    timeout = 6 * 3600

    @classmethod
    def check(cls, params: dict[str, Any]) -> None:
        if params:
            raise BadTask("It takes no parameters: what is removed is said by the rules of retention.", "params")

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return "Remove old history"

    def run(self) -> dict[str, Any]:
        self.progress.plan([("tasks", "Remove old tasks"), ("events", "Remove old events"),
                            ("search", "Tidy up the index of search"), ("redis", "Tidy up Redis")])
        removed = {"tasks": self._tasks(), "events": self._events()}
        self._search()
        return removed | {"records": self._records()}

    def _tasks(self) -> int:
        chosen = by_rules(timezone.now())
        total = sum(row["count"] for row in counted(chosen))
        self.progress.update("tasks", done=0, total=max(total, 1))

        def told(removed: int) -> None:
            self.progress.check()
            self.progress.update("tasks", done=min(removed, total))

        removed = prune(chosen, told)
        self.progress.finish("tasks")
        self.log(f"{removed} tasks removed.")
        return removed

    def _events(self) -> int:
        self.progress.update("events")
        removed, now, days = 0, timezone.now(), settings.HUB_KEEP_EVENTS_DAYS
        for domain in days:
            others = [] if domain else [name for name in days if name]
            for count in prune_before(now - timedelta(days=days[domain]), domain, others):
                removed += count
                self.progress.check()
                time.sleep(REST)
        self.progress.finish("events")
        self.log(f"{removed} events removed.")
        return removed

    def _search(self) -> None:
        self.progress.update("search")
        for _ in tidy():
            self.progress.check()
            time.sleep(REST)
        self.progress.finish("search")

    def _records(self) -> int:
        self.progress.update("redis")
        try:
            left = _unneeded()
            if left:
                # Of a task that is just ending, the worker has yet to give the record its time to live.
                time.sleep(ENDING)
                left &= _unneeded()
                queue.drop(left)
        except queue.QueueAway as away:
            raise JobFailed("Redis was not tidied up, for it does not answer. The rest is done.", str(away)) from away
        self.progress.finish("redis")
        return len(left)


def _unneeded() -> set[str]:
    # The records first: a task that is pushed after this look has its row already.
    found = queue.lasting_records()
    needed = Task.objects.filter(state__in=[TaskState.QUEUED, TaskState.RUNNING]).values_list("pk", flat=True)
    return found - {str(key) for key in needed}
