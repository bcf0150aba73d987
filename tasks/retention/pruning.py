"""Removing tasks that ended long ago, with their attempts and logs, while everybody goes on working.

It removes a little at a time, each in a transaction of a few milliseconds, and rests between them for as long as that
took: on SQLite, where one may write at a time, an enqueue never waits for more than one of them. What is cut off, by a
death or a cancel, is gone on with by the next pass.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from tasks.models import Dependency, LogLine, Task
from tasks.retention.models import RetentionRule
from tasks.states import ACTIVE, ENDED

# Rows in one transaction: tasks with what belongs to them, and lines of logs, of which one task may have thousands.
TASKS, LINES = 50, 500
SHORTEST_REST, LONGEST_REST = 0.02, 1.0


def prunable(chosen: Q) -> QuerySet[Task]:
    """The ended tasks among those chosen that nobody needs any more, oldest first.

    A task is needed while its parent, a child, a task that waits for it, or one that tries it again is active.
    """
    active = Task.objects.filter(state__in=sorted(ACTIVE))
    return Task.objects.filter(chosen, state__in=sorted(ENDED)).exclude(
        Exists(active.filter(pk=OuterRef("parent")))
        | Exists(active.filter(parent=OuterRef("pk")))
        | Exists(active.filter(retry_of=OuterRef("pk")))
        | Exists(Dependency.objects.filter(needs=OuterRef("pk"), task__state__in=sorted(ACTIVE)))
    ).order_by("id")  # fmt: skip


def older_than(moment: datetime, state: str = "", lane: str = "") -> Q:
    """Tasks that ended before a moment, of that state and lane where one is named."""
    wanted = {name: value for name, value in (("state", state), ("lane", lane)) if value}
    return Q(finished_at__lt=moment, **wanted)


def by_rules(now: datetime) -> Q:
    """Tasks that have been kept for as long as the rules, or else the settings, say."""
    rules = {(rule.state, rule.lane): rule.days for rule in RetentionRule.objects.all()}
    chosen = Q(pk__in=[])
    for state in sorted(ENDED):
        lanes = sorted({lane for named, lane in rules if lane and named in ("", state)})
        for lane in lanes:
            chosen |= _kept_for(rules.get((state, lane), rules.get(("", lane))), now, state) & Q(lane=lane)
        days = rules.get((state, ""), rules.get(("", ""), settings.HUB_KEEP_TASKS_DAYS))
        chosen |= _kept_for(days, now, state) & ~Q(lane__in=lanes)
    return chosen


def counted(chosen: Q) -> list[dict[str, str | int]]:
    """How many there are to remove: `[{"state", "lane", "count"}]`."""
    rows = prunable(chosen).order_by("state", "lane").values("state", "lane")
    return list(rows.annotate(count=Count("pk")))


def prune(chosen: Q, told: Callable[[int], None] = lambda removed: None) -> int:
    """Remove them; returns how many. `told` hears the number so far between two transactions, and may raise."""
    removed = 0
    for keys in _batches(chosen):
        while _resting(lambda keys=keys: _lines(keys)) == LINES:
            told(removed)
        removed += _resting(lambda keys=keys: _tasks(chosen, keys))
        told(removed)
    return removed


def _kept_for(days: int | None, now: datetime, state: str) -> Q:
    return Q(pk__in=[]) if days is None else older_than(now - timedelta(days=days), state)


def _batches(chosen: Q) -> Iterator[list[uuid.UUID]]:
    last = uuid.UUID(int=0)
    while keys := list(prunable(chosen).filter(pk__gt=last).values_list("pk", flat=True)[:TASKS]):
        yield keys
        last = keys[-1]


def _lines(keys: list[uuid.UUID]) -> int:
    some = LogLine.everything.filter(task__in=keys).order_by("id").values_list("pk", flat=True)[:LINES]
    return LogLine.everything.filter(pk__in=list(some)).delete()[0]


def _tasks(chosen: Q, keys: list[uuid.UUID]) -> int:
    try:
        with transaction.atomic():
            # Asked again: somebody may have begun to need one of them.
            _, removed = prunable(chosen).filter(pk__in=keys).delete()
    except IntegrityError:  # in between, even: the next pass will see it
        return 0
    return removed.get(Task._meta.label, 0)


def _resting(step: Callable[[], int]) -> int:
    begun = time.monotonic()
    done = step()
    time.sleep(min(max(time.monotonic() - begun, SHORTEST_REST), LONGEST_REST))
    return done
