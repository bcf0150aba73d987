"""The roll-ups beside the tasks themselves: whether they agree, and how they are made anew.

A day of which tasks were pruned can no longer be counted anew: it is left as it is, and only its total is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from analytics import rollups
from analytics.facts import Fact, ended_on
from analytics.models import DAY, Removed, Series, Uncounted
from analytics.rollups import COLUMNS, Sum, Sums
from tasks.models import Task

MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A bucket that does not hold what it should; `what` says it."""

    series: str
    width: int
    start: datetime
    what: str

    def __str__(self) -> str:
        return f"{self.series}, {self.width} s from {self.start:%Y-%m-%d %H:%M} UTC: {self.what}"


def first_day() -> date:
    """The day on which the first task that is still there ended; today when there is none."""
    first = Task.objects.filter(finished_at__isnull=False).aggregate(first=Min("finished_at"))["first"]
    return (first or timezone.now()).date()


def verify(since: date, until: date) -> Iterator[Difference]:
    """What is not as counting these days anew would make it."""
    for day in rollups.days_of(since, until):
        with transaction.atomic():
            rollups.raise_version()  # so that nobody counts meanwhile
            facts, now = counted_on(day), timezone.now()
            removed = Removed.objects.filter(pk=day).values_list("number", flat=True).first()
            stored = rollups.of_day(day)
            found = list(_compared(rollups.summed(facts, now), stored, now) if removed is None
                         else _total(day, len(facts), removed, stored))
        yield from found


def rebuild(since: date, until: date, told: Callable[[date, int | None], None] = lambda day, number: None) -> int:
    """Count these days anew; how many tasks. `told` hears of each day how many, None of one that was left as it is."""
    counted = 0
    for day in rollups.days_of(since, until):
        with transaction.atomic():
            version = rollups.raise_version()
            if Removed.objects.filter(pk=day).exists():
                told(day, None)
                continue
            facts = counted_on(day)
            Series.objects.filter(pk__in=rollups.series_on(day)).update(version=version)
            rollups.forget_day(day)
            rollups.add(rollups.summed(facts, timezone.now()), version)
        counted += len(facts)
        told(day, len(facts))
    return counted


def counted_on(day: date) -> list[Fact]:
    """The tasks that ended on that day, but for those that have still to be counted. In a transaction that has raised
    the version: then what was uncounted when the tasks were read still is when it is looked for."""
    facts = list(ended_on(day))
    waiting = set(Uncounted.objects.values_list("task", flat=True))
    return [fact for fact in facts if fact.task not in waiting]


def _compared(wanted: Sums, stored: Sums, now: datetime) -> Iterator[Difference]:
    for named in sorted(wanted.keys() | stored.keys()):
        ours, theirs = wanted.get(named, {}), stored.get(named, {})
        for width, start in sorted(ours.keys() | theirs.keys()):
            if not rollups.is_kept(width, start, now):  # is about to be removed
                continue
            should = dict(zip(COLUMNS, ours.get((width, start), Sum()).values(), strict=True))
            has = dict(zip(COLUMNS, theirs.get((width, start), Sum()).values(), strict=True))
            if wrong := [_told(name, has[name], should[name]) for name in COLUMNS if has[name] != should[name]]:
                yield Difference(" ".join(filter(None, named)), width, datetime.fromtimestamp(start, UTC),
                                 "; ".join(wrong))


def _told(name: str, has: int | bytes, should: int | bytes) -> str:
    return f"{name} are spread otherwise" if isinstance(has, bytes) else f"{name} is {has}, should be {should}"


def _total(day: date, kept: int, removed: int, stored: Sums) -> Iterator[Difference]:
    """Of a day of which some were removed the number of all tasks."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    gone = kept + removed - _gone_uncounted(day)
    has = sum(one.count for (dimension, _, _), by_stretch in stored.items() if dimension == Series.Dimension.ALL
              for (width, _), one in by_stretch.items() if width == DAY)
    if has != gone:
        yield Difference("all", DAY, datetime.fromtimestamp(start, UTC),
                         f"count is {has}, should be {gone} ({kept} are there, {removed} were removed)")


def _gone_uncounted(day: date) -> int:
    """How many that ended on that day were removed before they were counted, and still are uncounted."""
    waiting = list(Uncounted.objects.filter(finished_at__date=day).values_list("task", flat=True))
    return len(waiting) - Task.objects.filter(pk__in=waiting).count()
