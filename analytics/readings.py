"""Readings of what is no task: requests, sizes, workers. Added up by minute, hour and day as tasks are, and kept as
long."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from analytics.models import Reading
from analytics.ranges import Range
from analytics.rollups import KEPT, WIDTHS, first_kept
from analytics.spread import Spread

COLUMNS = ("count", "total", "high", "spread")


@dataclass(slots=True)
class Seen:
    """Values that were seen: how many, their sum and the highest; `spread` of those that are asked for percentiles."""

    count: int = 0
    total: float = 0.0
    high: float = 0.0
    spread: Spread = field(default_factory=Spread)

    def see(self, value: float, *, spread: bool = False) -> None:
        """One value; spread in millionths."""
        self.count += 1
        self.total += value
        self.high = max(self.high, value)
        if spread:
            self.spread.add(round(value * 1e6))

    def add(self, count: int, total: float, high: float, spread: bytes) -> None:
        """Those that were seen elsewhere."""
        self.count += count
        self.total += total
        self.high = max(self.high, high)
        self.spread.merge([spread])

    @property
    def mean(self) -> float | None:
        """None where nothing was seen."""
        return self.total / self.count if self.count else None

    def percentile(self, share: float) -> float | None:
        """The value below which that share of all lies, within 1 %; None where nothing was seen."""
        (found,) = self.spread.quantiles(share)
        return None if found is None else min(found / 1e6, self.high)


Named = tuple[str, str]  # its name and its key


def keep(seen: dict[Named, Seen], now: datetime) -> None:
    """Add what was seen just now. Only one process at a time may: the watch that leads."""
    if not seen:
        return
    starts = {width: int(now.timestamp()) // width * width for width in WIDTHS}
    new = {(name, key[:120], width, start): Seen(one.count, one.total, one.high, Spread(one.spread.packed()))
           for (name, key), one in seen.items() for width, start in starts.items()}
    with transaction.atomic():
        known = Reading.objects.filter(name__in={name for name, _ in seen}, start__in=starts.values())
        for name, key, width, start, *values in known.values_list("name", "key", "width", "start", *COLUMNS):
            if (name, key, width, start) in new:
                new[name, key, width, start].add(*values)
        Reading.objects.bulk_create(
            [Reading(name=name, key=key, width=width, start=start, count=one.count, total=one.total, high=one.high,
                     spread=one.spread.packed()) for (name, key, width, start), one in new.items()],
            update_conflicts=True, unique_fields=["name", "width", "key", "start"], update_fields=COLUMNS)


def over(asked: Range, names: Collection[str]) -> dict[Named, list[Seen]]:
    """By name and key what was seen in each step of a range."""
    found: dict[Named, list[Seen]] = {}
    rows = Reading.objects.filter(asked.condition, name__in=names).order_by()
    for name, key, start, *values in rows.values_list("name", "key", "start", *COLUMNS):
        steps = found.setdefault((name, key), [Seen() for _ in asked.starts])
        steps[(start - asked.begin) // asked.step].add(*values)
    return found


def together(many: Iterable[Seen]) -> Seen:
    """All of them as one."""
    whole = Seen()
    for one in many:
        whole.add(one.count, one.total, one.high, one.spread.packed())
    return whole


def side_by_side(many: Iterable[Sequence[Seen]], steps: int) -> list[Seen]:
    """Several series as one, step by step."""
    columns = list(many)
    return [together(one[place] for one in columns) for place in range(steps)]


def expire(now: datetime) -> None:
    """Remove readings that are kept no longer."""
    for width in KEPT:
        for name in Reading.objects.order_by().values_list("name", flat=True).distinct():
            Reading.objects.filter(name=name, width=width, start__lt=first_kept(width, now)).delete()
