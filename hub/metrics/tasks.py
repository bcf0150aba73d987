"""Tasks, lanes and workers as metrics. What stands now is the monitor's snapshot; what has ended is counted from when
this process began, each task once."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from datetime import datetime, timedelta

from django.utils import timezone

from hub.metrics.exposition import Family, Histogram
from tasks.job import job_class
from tasks.models import Task, wait_between
from tasks.monitor.shared import latest
from tasks.queue import ORDERS, STATES

WAIT_BOUNDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
RUN_BOUNDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
# A task writes when it ended shortly before others can see that: these seconds are read again, each task counted once.
GRACE = timedelta(seconds=30)
COLUMNS = ("id", "job", "lane", "state", "created_at", "ready_at", "run_at", "started_at", "finished_at")


class EndedTasks:
    """Counts what ended since it was made, as often as it is asked."""

    def __init__(self) -> None:
        self._lock, self._since = threading.Lock(), timezone.now()
        self._read_to, self._seen = self._since, {}
        self.counts: Counter[tuple[str, str, str]] = Counter()
        self.waits: dict[str, Histogram] = defaultdict(lambda: Histogram(WAIT_BOUNDS))
        self.runs: dict[str, Histogram] = defaultdict(lambda: Histogram(RUN_BOUNDS))

    def families(self) -> list[Family]:
        """The counts with all that has ended meanwhile."""
        ended = Family("hub_tasks_ended_total", "counter", "Tasks that have ended, by job, lane and state.")
        waits = Family("hub_task_wait_seconds", "histogram", "Time from when a task could run until it first ran.")
        runs = Family("hub_task_run_seconds", "histogram", "Time from the first start of a task to its end.")
        with self._lock:
            self._read_on()
            for (job, lane, state), number in sorted(self.counts.items()):
                ended.add(number, job=job, lane=lane, state=state)
            for found, family in ((self.waits, waits), (self.runs, runs)):
                for job, histogram in sorted(found.items()):
                    histogram.write(family, job=job)
        return [ended, waits, runs]

    def _read_on(self) -> None:
        now = timezone.now()
        begin = max(self._since, self._read_to - GRACE)
        seen: dict[object, datetime] = {}
        # In the order of the index that is to be read: by the usual one, of ids, all history would be walked.
        rows = Task.objects.filter(finished_at__gte=begin).order_by("finished_at").values_list(*COLUMNS)
        for key, job, lane, state, *times in rows.iterator(chunk_size=2000):
            finished = times[-1]
            if finished >= now - GRACE:
                seen[key] = finished
            if self._seen.get(key) != finished:
                self._count(job, lane, state, *times)
        self._read_to, self._seen = now, seen

    def _count(self, job: str, lane: str, state: str, created: datetime, ready: datetime | None,
               planned: datetime | None, started: datetime | None, finished: datetime) -> None:
        # Jobs that were removed would be named by old rows for ever.
        job = job if job_class(job) else "other"
        self.counts[job, lane, state] += 1
        wait = wait_between(created, ready, planned, started)
        if wait is not None:
            self.waits[job].observe(max(wait.total_seconds(), 0.0))
            self.runs[job].observe(max((finished - started).total_seconds(), 0.0))


def standing() -> list[Family]:
    """What waits and runs, and who works, now."""
    snapshot, now = latest(), timezone.now()
    active = Family("hub_tasks", "gauge", "Tasks that have not ended, by state.")
    for state, number in snapshot["states"].items():
        active.add(number, state=state)
    depth = Family("hub_lane_depth", "gauge", "Tasks that wait for a worker, by lane and rank of priority.")
    oldest = Family("hub_lane_oldest_seconds", "gauge", "How long the oldest task of a lane waits; 0 when none does.")
    paused = Family("hub_lane_paused", "gauge", "1 while a lane is paused.")
    for lane in snapshot["lanes"]:
        for rank in ("high", "medium", "low"):
            depth.add(lane[rank], lane=lane["name"], rank=rank)
        since = lane["oldest"] and (now - datetime.fromisoformat(lane["oldest"])).total_seconds()
        oldest.add(max(since or 0.0, 0.0), lane=lane["name"])
        paused.add(int(lane["paused"]), lane=lane["name"])
    workers = Family("hub_workers", "gauge", "Workers that are alive, by state.")
    known = snapshot["workers"]
    if not known["away"]:
        for state in ["starting", *STATES.values(), *dict.fromkeys(ORDERS.values())]:
            workers.add(known["states"].get(state, 0), state=state)
    return [active, depth, oldest, paused, workers]
