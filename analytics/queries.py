"""Questions to the roll-ups. What they cost depends on what is asked for, not on how much history there is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Max, Q, Sum

from analytics.measures import Total
from analytics.models import DAY, HOUR, Bucket, Series
from analytics.ranges import Cover, Range
from analytics.rollups import COLUMNS
from analytics.rollups import Sum as Part
from analytics.spread import Spread

SUMS, HIGHS = ("count", "waited", "wait_sum", "ran", "run_sum", "busy"), ("wait_max", "run_max")
SPREADS = {"wait": "waits", "run": "runs"}
HOURS_OF_WEEK = 168
Kinds = Collection[str]
BOTH = ("wait", "run")
STATE = "state"


@dataclass(frozen=True, slots=True)
class Slice:
    """Which tasks: all of them, or those with that key in a dimension; in one of these states only, where some are
    named."""

    dimension: str = "all"
    key: str = ""
    states: tuple[str, ...] = ()

    @property
    def condition(self) -> Q:
        """Of the series that hold them."""
        found = Q(dimension=self.dimension, key=self.key)
        return found & Q(state__in=self.states) if self.states else found


EVERYTHING = Slice()


def trend(asked: Range, of: Slice = EVERYTHING, spreads: Kinds = BOTH) -> list[Total]:
    """A total for each step of a range. `spreads`: of which lengths percentiles are wanted (wait, run)."""
    totals = [Total(seconds=asked.step) for _ in asked.starts]
    states = dict(Series.objects.filter(of.condition).values_list("pk", "state"))
    columns = _columns(() if of == EVERYTHING else spreads)
    rows = Bucket.objects.filter(asked.condition, series__in=list(states)).order_by()
    for series, start, *values in rows.values_list("series_id", "start", *columns):
        totals[(start - asked.begin) // asked.step].add(states[series], _part(columns, values))
    if spreads and of == EVERYTHING:
        names = [SPREADS[kind] for kind in spreads]
        rows = Bucket.objects.filter(asked.condition, series__in=_total()).order_by()
        for start, *values in rows.values_list("start", *names):
            for name, value in zip(names, values, strict=True):
                getattr(totals[(start - asked.begin) // asked.step].all, name).merge([value])
    return totals


def together(totals: Iterable[Total]) -> Total:
    """All of them as one."""
    whole = Total()
    for total in totals:
        whole.merge(total)
    return whole


def breakdown(within: Cover, dimension: str, keys: Sequence[str] | None = None, spreads: Kinds = BOTH,
              most: int = 100) -> tuple[dict[str, Total], int]:
    """By key of a dimension (all, or these) what ended in a range, those with most tasks first; and how many keys there
    are. Only of the first `most` the histograms are read. The dimension may also be the state."""
    series = Series.objects.filter(dimension="all" if dimension == STATE else dimension)
    if keys is not None:
        series = series.filter(key__in=keys)
    named = {pk: (state if dimension == STATE else key, state)
             for pk, key, state in series.values_list("pk", "key", "state")}
    pieces = [Bucket.objects.filter(piece, series__in=series.values("pk")).order_by() for piece in within.pieces]
    totals: dict[str, Total] = {}
    for buckets in pieces:
        sums = buckets.values_list("series_id").annotate(
            *(Sum(name, default=0) for name in SUMS), *(Max(name, default=0) for name in HIGHS))
        for pk, *values in sums:
            key, state = named[pk]
            total = totals.setdefault(key, Total(seconds=within.end - within.begin))
            total.add(state, _part((*SUMS, *HIGHS), [int(one) for one in values]))
    chosen = sorted(totals, key=lambda key: (-totals[key].all.count, key))
    shown = {key: totals[key] for key in chosen[:most]}
    if spreads:
        keys = {pk: key for pk, (key, _) in named.items() if key in shown}
        _fill(shown, within, dict.fromkeys(_total(), "") if dimension == EVERYTHING.dimension else keys, spreads)
    return shown, len(chosen)


def whole(within: Cover, of: Slice = EVERYTHING) -> Total:
    """What ended in a range, as one total."""
    found, _ = breakdown(within, of.dimension, [of.key])
    return found.get(of.key, Total(seconds=within.end - within.begin))


def hours_of_week(asked: Q, of: Slice = EVERYTHING) -> list[tuple[int, int]]:
    """(ended, failed) in each hour of the week, from Monday 0:00 UTC on. `asked`: a condition on buckets of an hour."""
    states = dict(Series.objects.filter(of.condition).values_list("pk", "state"))
    rows = Bucket.objects.filter(asked, width=HOUR, series__in=list(states)).order_by()
    cells = [[0, 0] for _ in range(HOURS_OF_WEEK)]
    for series, start, number in rows.values_list("series_id", "start", "count"):
        cell = cells[(start // HOUR - 4 * DAY // HOUR) % HOURS_OF_WEEK]
        cell[0] += number
        cell[1] += number if states[series] == "failed" else 0
    return [(ended, failed) for ended, failed in cells]


def _fill(totals: dict[str, Total], within: Cover, keys: dict[int, str], spreads: Kinds) -> None:
    """Read the histograms of these: `keys` says which series are whose."""
    names = [SPREADS[kind] for kind in spreads]
    for piece in within.pieces:
        rows = Bucket.objects.filter(piece, series__in=list(keys)).order_by()
        for pk, *values in rows.values_list("series_id", *names):
            for name, value in zip(names, values, strict=True):
                getattr(totals[keys[pk]].all, name).merge([value])


def _total() -> list[int]:
    """The series of all tasks in any state."""
    return list(Series.objects.filter(dimension=Series.Dimension.TOTAL).values_list("pk", flat=True))


def _columns(spreads: Kinds) -> tuple[str, ...]:
    left_out = {SPREADS[kind] for kind in SPREADS if kind not in spreads}
    return tuple(name for name in COLUMNS if name not in left_out)


def _part(columns: Sequence[str], values: Sequence) -> Part:
    named = dict(zip(columns, values, strict=True))
    return Part(**{name: Spread(value) if name in ("waits", "runs") else value for name, value in named.items()})
