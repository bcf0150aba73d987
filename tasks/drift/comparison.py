"""Where database and RQ disagree at this moment.

It looks with the eyes of the rescuer, and so sees what that will put right. What is seen once may be a moment between
two steps of somebody alive: a task that a worker has just taken, or that is being pushed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from events.times import iso
from tasks import queue
from tasks.drift.models import Repair
from tasks.models import Attempt, Task
from tasks.rescue import Rescuer

# The rescuer believes what lasts, on another host for half a minute; so long may putting right take.
PATIENCE = 40.0
PAUSE = 0.5
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit. `id` is that of its task, or of the job in Redis that has none."""

    kind: str
    id: str
    title: str
    detail: str
    has_task: bool

    @property
    def label(self) -> str:
        return Repair.Kind(self.kind).label

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": self.id, "title": self.title, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found: `number` of it in all, of which `findings` are at most 200 of each kind. `queue_away` when Redis
    did not answer and only the processes could be looked at."""

    findings: tuple[Finding, ...]
    number: int
    queue_away: bool


class Looker(Rescuer):
    """A rescuer that believes nothing yet: it looks at everything, and touches nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.suspects: set[Hashable] = set()

    def _held(self, key: Hashable, seconds: float) -> bool:
        self.suspects.add(key)
        return False

    def look(self) -> set[Hashable]:
        """The keys of what a rescuer would put right if it lasted."""
        for part in (self._running, self._queue):
            list(self._guarded(part))
        return self.suspects


def compare() -> Drift:
    """Look once, without touching anything."""
    by_kind: dict[str, list[Any]] = {"gone": [], "lost": [], "stray": []}
    for key in Looker().look():
        by_kind.setdefault(key[0], []).append(key[1])
    findings = [*_dead(by_kind["gone"]), *_lost(by_kind["lost"]), *_strays(by_kind["stray"])]
    # What is gone since it was seen fits by now.
    number = len(findings) + sum(max(0, len(keys) - SHOWN) for keys in by_kind.values())
    return Drift(tuple(findings), number, not queue.ping())


def repair(patience: float = PATIENCE) -> list[str]:
    """Put right what lasts, as the rescuer of `watch` does, until nothing is left or patience is at its end; what was
    done, one sentence each. Both may work at once: each repair can be made only once."""
    rescuer, done, deadline = Rescuer(), [], time.monotonic() + patience
    while True:
        done += rescuer.rescue()
        if not compare().findings or time.monotonic() > deadline:
            return done
        time.sleep(PAUSE)


def as_dict(drift: Drift, repaired: list[dict]) -> dict[str, Any]:
    """For `--json`; `repaired` is what `tasks.drift.counts.counts` returns."""
    counted = [{**row, "last_at": iso(row["last_at"])} for row in repaired]
    return {"findings": [finding.as_dict() for finding in drift.findings], "number": drift.number,
            "queue_away": drift.queue_away, "repaired": counted}


def _dead(keys: list[uuid.UUID]) -> list[Finding]:
    attempts = Attempt.objects.filter(pk__in=keys[:SHOWN]).select_related("task").order_by("started_at")
    return [
        Finding(Repair.Kind.DEAD, str(attempt.task_id), attempt.task.title,
                f"attempt {attempt.number} on {attempt.worker}, pid {attempt.pid} of {attempt.host}", True)
        for attempt in attempts
    ]  # fmt: skip


def _lost(keys: list[str]) -> list[Finding]:
    tasks = Task.objects.filter(pk__in=keys[:SHOWN]).order_by("id").only("id", "title", "lane", "queued_at")
    return [Finding(Repair.Kind.LOST, str(task.pk), task.title, f"lane {task.lane}", True) for task in tasks]


def _strays(keys: list[str]) -> list[Finding]:
    titles = {str(task.pk): task for task in Task.objects.filter(pk__in=[key for key in keys[:SHOWN] if _is_id(key)])}
    return [
        Finding(Repair.Kind.STRAY, key, titles[key].title if key in titles else "",
                f"its task {titles[key].state}" if key in titles else "there is no such task", key in titles)
        for key in sorted(keys[:SHOWN])
    ]  # fmt: skip


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
