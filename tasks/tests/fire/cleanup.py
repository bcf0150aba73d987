"""Many tasks that succeed while everything that cleans up is at work, and one long task that is alive all the time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.db.models import Count
from django.utils import timezone
from rq import Queue
from rq.registry import clean_registries
from rq.serializers import JSONSerializer

from events.models import Event
from tasks import queue
from tasks.actions import enqueue
from tasks.lanes import queue_names
from tasks.models import Task
from tasks.retention.pruning import older_than, prune
from tasks.states import ACTIVE
from tasks.tests.fire.batch import write
from tasks.tests.fire.fleet import Fleet, until
from tasks.tests.fire.jobs import Lasting
from tasks.tests.messy.jobs import Nothing

# So many are written at once, and so many may wait before more are.
BATCH, MOST_WAITING = 100, 400
# How long ago (seconds) a task must have ended to be removed.
KEPT = 0.2


@dataclass
class Cleaned:
    """`facts`: how many of each event (`started`, `succeeded`, `failed`...) the short tasks made; `removed`: how many
    were removed meanwhile; `lasting`: the states and attempts of the long task, as it was seen."""

    asked: int
    facts: Counter = field(default_factory=Counter)
    removed: int = 0
    lasting: set[tuple[str, int]] = field(default_factory=set)
    seconds: float = 0.0

    @property
    def otherwise(self) -> int:
        """How many facts there are of anything but a task that was started once and succeeded."""
        return sum(number for name, number in self.facts.items() if name not in ("started", "succeeded"))


def run(folder: Path, environ: dict[str, str], number: int, *, workers: int = 2, patience: float = 60.0) -> Cleaned:
    """Have so many tasks done on so many workers, and a long one on another. TimeoutError when nothing has ended for
    `patience` seconds."""
    seen, began, stop = Cleaned(number), time.monotonic(), threading.Event()
    lanes = [("default",)] * workers + [("reports",)]
    with Fleet(folder, environ, lanes) as fleet:
        fleet.until_ready()
        lasting = enqueue(Lasting, {"file": str(folder / "lasting"), "seconds": 86400}, lane="reports")
        until(lambda: Task.objects.get(pk=lasting.pk).attempt, 20)
        cleaner = threading.Thread(target=_clean, args=[seen, stop])
        cleaner.start()
        try:
            _feed(number, patience)
            task = Task.objects.get(pk=lasting.pk)
            seen.lasting = {(task.state, task.attempts.count())}
        finally:
            stop.set()
            cleaner.join()
            fleet.workers[-1].kill()  # else it waits for the long task
    seen.seconds = time.monotonic() - began
    prefix = f"hub.{settings.HUB_ID}.task."
    facts = Event.objects.filter(subject__startswith=prefix).exclude(payload__job=Lasting.name).order_by()
    for row in facts.values("subject").annotate(number=Count("pk")):
        seen.facts[row["subject"].removeprefix(prefix)] = row["number"]
    return seen


def _feed(number: int, patience: float) -> None:
    """Keep some waiting until all are written, and wait for the last."""
    written, least, since = 0, number, time.monotonic()
    active = Task.objects.filter(job=Nothing.name, state__in=sorted(ACTIVE))
    while (left := active.count() + number - written) > 0:
        if left < least:
            least, since = left, time.monotonic()
        elif time.monotonic() > since + patience:
            raise TimeoutError(f"{left} tasks are left, and none has ended for {patience:g} s.")
        if written < number and left - (number - written) < MOST_WAITING:
            written += len(write([5] * min(BATCH, number - written)))
        else:
            time.sleep(0.05)


def _clean(seen: Cleaned, stop: threading.Event) -> None:
    """Remove what has ended a moment ago, and do what RQ does to jobs that it takes for abandoned, again and again."""
    queues = [Queue(name, connection=queue.connection(), serializer=JSONSerializer) for name in queue_names()]
    try:
        while not stop.is_set():
            seen.removed += prune(older_than(timezone.now() - timedelta(seconds=KEPT)))
            for each in queues:
                clean_registries(each)
            stop.wait(0.1)
    finally:
        connections.close_all()
