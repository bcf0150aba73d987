"""What the numbers of some sprints say: shifts, trends, usual spread, outliers, and what goes together.

Importing this imports numpy, which takes 30 MB: only who makes a report does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrospectives.evidence.association import Association, associations
from retrospectives.evidence.averages import moving_average
from retrospectives.evidence.behaviour import Behaviour, behaviour
from retrospectives.evidence.corrections import holm
from retrospectives.evidence.outliers import outliers
from retrospectives.evidence.shifts import MINIMUM as SHIFT_MINIMUM
from retrospectives.evidence.shifts import Shift, best_split
from retrospectives.evidence.trends import Trend, slow_trend
from retrospectives.metrics import EVERY, FAMILIES, HIGHER, LOWER, NEITHER, SINGLES, Family

SURE_FAMILY = 0.06
"""Families are asked first: what they say is taken for a signal when its p after Holm over all families is no more."""
SURE_SINGLE = 0.08
"""The same for single metrics, over all of them. The smallest p that a step in the middle of twelve sprints can have is
2 / C(12, 6) = 0.0022: over 25 metrics 0.054, so that at 0.05 no single metric would ever be seen. Both levels together
give a team without a signal a hypothesis in about one report of twenty: docs/retrospectives.md has the figures."""
SURE_TREND = 0.01
"""Slow trends of families, where no level shift was found."""
SURE_PAIR = 0.05


@dataclass(frozen=True, slots=True)
class Line:
    """One metric over all sprints, oldest first; None where it has no value. `positions`: the sprints that have one;
    places in `shift`, `behaviour` and `outliers` count among these. `adjusted`: the p of the shift after Holm."""

    key: str
    values: tuple[float | None, ...]
    positions: tuple[int, ...]
    average: tuple[float | None, ...]
    shift: Shift | None
    adjusted: float | None
    trend: Trend | None
    behaviour: Behaviour | None
    outliers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A family as one series: its members oriented so that up is better, standardised, and averaged. `members`: those
    that vary and have enough values; `agreeing`: those whose own means moved the family's way."""

    family: Family
    members: tuple[str, ...]
    positions: tuple[int, ...]
    shift: Shift | None
    adjusted: float | None
    trend: Trend | None
    trend_adjusted: float | None
    agreeing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What changed. `silent`: metrics asked about that have too few values, with how many they have."""

    length: int
    lines: dict[str, Line]
    groups: tuple[Group, ...]
    silent: dict[str, int]


def analyse(series: Mapping[str, Sequence[float | None]], focus: Sequence[str] = ()) -> Analysis:
    """Analyse metrics (keys of `metrics.EVERY`) over the same sprints, oldest first. With a `focus` only these metrics
    are tested, alone and in their families, which leaves more certainty to each."""
    wanted = {key: values for key, values in series.items() if not focus or key in focus}
    length = len(next(iter(series.values()), ()))
    groups = _groups(wanted)
    lines = {key: _line(key, values) for key, values in wanted.items()}
    tested = [key for key in SINGLES if key in lines and lines[key].shift is not None]
    if focus:  # what is asked for by name is tested, also where a change is neither good nor bad
        tested = [key for key, line in lines.items() if line.shift is not None]
    for key, adjusted in zip(tested, holm([lines[key].shift.p for key in tested]), strict=True):
        lines[key] = _with_adjusted(lines[key], adjusted)
    silent = {key: sum(value is not None for value in values) for key, values in wanted.items()}
    return Analysis(length, lines, groups, {key: n for key, n in silent.items() if n < SHIFT_MINIMUM})


def related(series: Mapping[str, Sequence[float | None]], focus: Sequence[str] = ()) -> tuple[Association, ...]:
    """The pairs of metrics that go together for sure, in the same sprint or one sprint later, the surest first."""
    oriented = {key: values for key, values in series.items()
                if EVERY[key].better != NEITHER and (not focus or key in focus)}
    return tuple(one for one in associations(oriented) if one.adjusted <= SURE_PAIR and not _same(one))


def _line(key: str, values: Sequence[float | None]) -> Line:
    positions = tuple(at for at, value in enumerate(values) if value is not None)
    known = [values[at] for at in positions]
    metric = EVERY[key]
    return Line(
        key, tuple(values), positions, tuple(moving_average(values)), best_split(known), None,
        slow_trend(known, positions), behaviour(known, metric.low, metric.high), outliers(known),
    )  # fmt: skip


def _with_adjusted(line: Line, adjusted: float) -> Line:
    return Line(line.key, line.values, line.positions, line.average, line.shift, adjusted, line.trend, line.behaviour,
                line.outliers)


def _groups(series: Mapping[str, Sequence[float | None]]) -> tuple[Group, ...]:
    found = []
    for family in FAMILIES:
        scores = {key: scored for key in family.members if key in series
                  and (scored := _standardised(series[key], EVERY[key].better)) is not None}
        if not scores:
            continue
        rows = np.array(list(scores.values()))
        there = ~np.isnan(rows).all(axis=0)
        positions = tuple(int(at) for at in np.flatnonzero(there))
        mean = np.nanmean(rows[:, there], axis=0)
        found.append((family, scores, positions, best_split(mean), slow_trend(mean, positions)))
    shifts = _adjusted([shift and shift.p for *_, shift, _ in found])
    trends = _adjusted([trend and trend.p for *_, trend in found])
    return tuple(
        Group(family, tuple(scores), positions, shift, shifts[at], trend, trends[at],
              _agreeing(scores, positions, shift))
        for at, (family, scores, positions, shift, trend) in enumerate(found)
    )


def _standardised(values: Sequence[float | None], better: int) -> np.ndarray | None:
    """Mean 0, standard deviation 1, up is better; NaN where there is no value. None with too few, or a constant."""
    row = np.array([np.nan if value is None else value for value in values], dtype=float)
    known = row[~np.isnan(row)]
    if len(known) < SHIFT_MINIMUM or np.ptp(known) <= 1e-12 * max(1.0, float(np.abs(known).max())):
        return None
    return (LOWER if better == LOWER else HIGHER) * (row - known.mean()) / known.std(ddof=1)


def _agreeing(scores: Mapping[str, np.ndarray], positions: tuple[int, ...], shift: Shift | None) -> tuple[str, ...]:
    if shift is None:
        return ()
    split = positions[shift.at]
    way = np.sign(shift.after - shift.before)

    def moved(row: np.ndarray) -> float:
        sides = row[:split][~np.isnan(row[:split])], row[split:][~np.isnan(row[split:])]
        return float(sides[1].mean() - sides[0].mean()) if len(sides[0]) and len(sides[1]) else 0.0

    return tuple(key for key, row in scores.items() if np.sign(moved(row)) == way)


def _adjusted(ps: Sequence[float | None]) -> list[float | None]:
    known = iter(holm([p for p in ps if p is not None]))
    return [None if p is None else next(known) for p in ps]


PARTS = (
    {"points_small", "points_medium", "points_large", "large_share", "small_share"},
    {"kept_share", "story_points_completed", "story_points_planned"},
    {"defect_rate_all", "defect_rate_production"},
)


def _same(pair: Association) -> bool:
    """Whether one follows from the other by arithmetic, so that their going together says nothing."""
    return any({pair.first, pair.second} <= part for part in PARTS)
