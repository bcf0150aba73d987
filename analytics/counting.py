"""What `watch` does: it takes tasks that have ended into the roll-ups, a few at a time."""

from __future__ import annotations

import time

from django.db import transaction
from django.utils import timezone

from analytics import rollups
from analytics.facts import fact_of
from analytics.models import Uncounted

# Tasks in one transaction, which others that write on SQLite wait for, and the seconds after which no other is begun.
BATCH, ENOUGH = 100, 0.06
# The same for somebody who waits until all is counted.
LARGE_BATCH = 2000
EXPIRE_EVERY = 3600.0

_expired_at: float | None = None


def keep_up() -> None:
    """One pass: count what has ended, for a tenth of a second or so, and once an hour remove what is kept no longer.
    What is left is for the next pass."""
    global _expired_at
    count_all(within=ENOUGH)
    if _expired_at is None or time.monotonic() - _expired_at >= EXPIRE_EVERY:
        rollups.expire(timezone.now())
        _expired_at = time.monotonic()


def count_all(within: float | None = None, batch: int = 0) -> int:
    """Count all that has ended, or as much as can be begun within so many seconds; how many tasks that were."""
    began, counted = time.monotonic(), 0
    while Uncounted.objects.exists():
        counted += count_some(batch or BATCH)
        if within is not None and time.monotonic() - began > within:
            break
    return counted


def count_some(batch: int = BATCH) -> int:
    """Count a few, in one transaction: they are in the roll-ups and no longer uncounted, or neither. How many."""
    with transaction.atomic():
        version = rollups.raise_version()
        rows = list(Uncounted.objects.order_by("id")[:batch])
        rollups.add(rollups.summed(map(fact_of, rows), timezone.now()), version)
        Uncounted.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)
