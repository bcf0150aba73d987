"""The roll-ups: sums and spreads of ended tasks by minute, hour and day, made from facts and added to what is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from django.db import connection
from django.db.models import F

from analytics.facts import Fact
from analytics.models import DAY, HOUR, MINUTE, QUARTER, Bucket, Series, Tally
from analytics.spread import Spread
from events.statements import MOST_PARAMS

TOTAL = Series.Dimension.TOTAL.value
WIDTHS = (MINUTE, QUARTER, HOUR, DAY)
# For so many whole days before today buckets of a width are kept; those of days for ever.
KEPT = {MINUTE: 7, QUARTER: 7, HOUR: 90}
SUMS = ("count", "waited", "wait_sum", "ran", "run_sum", "busy")
COLUMNS = ("count", "waited", "wait_sum", "wait_max", "waits", "ran", "run_sum", "run_max", "runs", "busy")
PLACE = ("series_id", "width", "start")
TABLE = Bucket._meta.db_table
# A join whose order is given: SQLite would look at every bucket for a list of places.
READ = (f"WITH wanted ({', '.join(PLACE)}) AS (VALUES {{rows}}) SELECT"
        f" {', '.join(f'{TABLE}.{column}' for column in (*PLACE, *COLUMNS))} FROM wanted CROSS JOIN {TABLE}"
        f" WHERE {' AND '.join(f'{TABLE}.{column} = wanted.{column}' for column in PLACE)}")
WRITE = (f"INSERT INTO {TABLE} ({', '.join((*PLACE, *COLUMNS))}) VALUES ({', '.join(['%s'] * 13)})"
         f" ON CONFLICT ({', '.join(PLACE)}) DO UPDATE SET"
         f" {', '.join(f'{column} = excluded.{column}' for column in COLUMNS)}")
AT_ONCE = MOST_PARAMS // (4 * len(PLACE))

Named = tuple[str, str, str]  # a series: its dimension, key and state
Stretch = tuple[int, int]  # the width of a bucket, and its start


@dataclass(slots=True)
class Sum:
    """What a bucket holds; see `analytics.models.Bucket`."""

    count: int = 0
    waited: int = 0
    wait_sum: int = 0
    wait_max: int = 0
    ran: int = 0
    run_sum: int = 0
    run_max: int = 0
    busy: int = 0
    waits: Spread = field(default_factory=Spread)
    runs: Spread = field(default_factory=Spread)

    @classmethod
    def of(cls, values: Sequence) -> Sum:
        """From the columns of a bucket, in the order of COLUMNS."""
        named = dict(zip(COLUMNS, values, strict=True))
        return cls(**{**named, "waits": Spread(named["waits"]), "runs": Spread(named["runs"])})

    def take(self, fact: Fact) -> None:
        """Add one task."""
        self.count += 1
        self.busy += fact.busy
        if fact.wait is not None:
            self.waited += 1
            self.wait_sum += fact.wait
            self.wait_max = max(self.wait_max, fact.wait)
            counts = self.waits.counts
            counts[fact.waited] = counts.get(fact.waited, 0) + 1
        if fact.run is not None:
            self.ran += 1
            self.run_sum += fact.run
            self.run_max = max(self.run_max, fact.run)
            counts = self.runs.counts
            counts[fact.ran] = counts.get(fact.ran, 0) + 1

    def add(self, other: Sum) -> None:
        """Add what another bucket holds."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wait_max, self.run_max = max(self.wait_max, other.wait_max), max(self.run_max, other.run_max)
        self.waits.take_in(other.waits)
        self.runs.take_in(other.runs)

    def values(self) -> tuple:
        """Its columns, in the order of COLUMNS."""
        return (self.count, self.waited, self.wait_sum, self.wait_max, self.waits.packed(), self.ran, self.run_sum,
                self.run_max, self.runs.packed(), self.busy)


Sums = dict[Named, dict[Stretch, Sum]]


def is_kept(width: int, start: int, now: datetime) -> bool:
    """Whether buckets of that width are kept of the day in which this one begins."""
    return width not in KEPT or start >= first_kept(width, now)


def first_kept(width: int, now: datetime) -> int:
    """When the first bucket of that width begins that is kept; the widths of KEPT only."""
    return (int(now.timestamp()) // DAY - KEPT[width]) * DAY


def summed(facts: Iterable[Fact], now: datetime) -> Sums:
    """By series and stretch what these tasks come to, for all widths that are kept of their time."""
    sums: Sums = {}
    for fact in facts:
        # The finest width that is kept; the wider ones are added up from it.
        width = next(width for width in WIDTHS if is_kept(width, fact.at, now))
        stretch = (width, fact.at // width * width)
        for dimension, key in fact.places:
            by_stretch = sums.setdefault((dimension, key, "" if dimension == TOTAL else fact.state), {})
            if stretch not in by_stretch:
                by_stretch[stretch] = Sum()
            by_stretch[stretch].take(fact)
    for by_stretch in sums.values():
        for width, wider in pairwise(WIDTHS):
            for finer, start in [stretch for stretch in by_stretch if stretch[0] == width]:
                by_stretch.setdefault((wider, start // wider * wider), Sum()).add(by_stretch[finer, start])
    return sums


def raise_version() -> int:
    """The next version of the roll-ups. Whoever has raised it is the only one to write them until the end of its
    transaction."""
    if not Tally.objects.filter(pk=Tally.ONLY).update(version=F("version") + 1):
        Tally.objects.create(pk=Tally.ONLY, version=1)
    return Tally.objects.values_list("version", flat=True).get(pk=Tally.ONLY)


def add(sums: Sums, version: int) -> None:
    """Add these to the buckets that are there. In a transaction that has raised the version."""
    if not sums:
        return
    numbers = _numbers(list(sums), version)
    new = {(numbers[named], *stretch): one for named, by_stretch in sums.items() for stretch, one in by_stretch.items()}
    for place, old in _stored(list(new)):
        new[place].add(old)
    with connection.cursor() as cursor:
        cursor.executemany(WRITE, [(*place, *one.values()) for place, one in new.items()])


def of_day(day: date) -> Sums:
    """All buckets that begin on that day."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    named = {pk: (dimension, key, state)
             for pk, dimension, key, state in Series.objects.values_list("pk", "dimension", "key", "state")}
    sums: Sums = {}
    rows = _on(start).values_list("series_id", "width", "start", *COLUMNS)
    for series, width, begin, *values in rows.iterator():
        sums.setdefault(named[series], {})[width, begin] = Sum.of(values)
    return sums


def forget_day(day: date) -> None:
    """Remove all buckets that begin on that day."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    _on(start).delete()


def series_on(day: date):
    """The primary keys of the series that have a bucket on that day."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    return set(_on(start).values_list("series", flat=True))


def expire(now: datetime, at_most: int = 200) -> int:
    """Remove buckets that are kept no longer, of so many series at most; how many. Each series has its place in the
    index, so what is kept is not looked at."""
    removed = 0
    for width in KEPT:
        old = Bucket.objects.filter(width=width, start__lt=first_kept(width, now))
        for keys in _in_parts(list(Series.objects.order_by("pk").values_list("pk", flat=True)), at_most):
            removed += old.filter(series__in=keys).delete()[0]
    return removed


def days_of(since: date, until: date) -> Iterator[date]:
    """Every day, both included."""
    for number in range((until - since).days + 1):
        yield since + timedelta(days=number)


def _on(start: int):
    # By series, for that is how the index begins.
    return Bucket.objects.filter(series__in=Series.objects.values("pk"), width__in=WIDTHS, start__gte=start,
                                 start__lt=start + DAY).order_by()


def _numbers(named: Sequence[Named], version: int) -> dict[Named, int]:
    """The primary keys of series, which are made where there are none, and have this version now."""
    found = _known(named)
    if missing := [one for one in named if one not in found]:
        Series.objects.bulk_create(
            [Series(dimension=dimension, key=key, state=state) for dimension, key, state in missing], batch_size=500)
        found |= _known(missing)
    for part in _in_parts(list(found.values()), 500):
        Series.objects.filter(pk__in=part).update(version=version)
    return found


def _known(named: Sequence[Named]) -> dict[Named, int]:
    wanted, found = set(named), {}
    dimensions = {dimension for dimension, _, _ in named}
    for part in _in_parts(sorted({key for _, key, _ in named}), 500):
        known = Series.objects.filter(dimension__in=dimensions, key__in=part).order_by()
        for pk, *place in known.values_list("pk", "dimension", "key", "state"):
            if tuple(place) in wanted:
                found[tuple(place)] = pk
    return found


def _stored(places: Sequence[tuple[int, int, int]]) -> Iterator[tuple[tuple[int, int, int], Sum]]:
    with connection.cursor() as cursor:
        for part in _in_parts(places, AT_ONCE):
            cursor.execute(READ.format(rows=", ".join(["(%s, %s, %s)"] * len(part))),
                           [number for place in part for number in place])
            for row in cursor.fetchall():
                yield tuple(row[:3]), Sum.of(row[3:])


def _in_parts(values: Sequence, size: int) -> Iterator[Sequence]:
    for first in range(0, len(values), size):
        yield values[first: first + size]
