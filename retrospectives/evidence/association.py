"""Which metrics go together, in the same sprint or one sprint later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from retrospectives.evidence.corrections import holm
from retrospectives.evidence.orders import parts, share

MINIMUM = 6
"""Pairs of values below which no association is claimed."""

LOOKS = ((199, 0.05), (9_999, 0.002), (99_999, 0.0))
"""Orders tried, and the p above which it is not worth trying more. With 25 metrics 900 questions are asked: after Holm
only a p below 0.00006 is sure, which takes the last of these to show."""


@dataclass(frozen=True, slots=True)
class Association:
    """`second` goes with `first` (lag 0), or follows it one sprint later (lag 1). `rho`: Spearman's; `points`: pairs of
    values it rests on; `p`: of its permutation distribution, two-sided; `adjusted`: that p after Holm, over all pairs
    and lags that were asked about."""

    first: str
    second: str
    lag: int
    rho: float
    points: int
    p: float
    adjusted: float


def ranks(values: Sequence[float]) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, where, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return (last - (counts - 1) / 2)[where]


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties included (Pearson's of the ranks). None when a series is constant."""
    pair = _scores(first), _scores(second)
    return None if pair[0] is None or pair[1] is None else float(np.clip(pair[0] @ pair[1], -1.0, 1.0))


def associations(series: Mapping[str, Sequence[float | None]]) -> list[Association]:
    """All pairs of named series of one length (None: no value), at lag 0 and at lag 1 in both directions, the surest
    first. Pairs with fewer than MINIMUM common values, or a constant one, are left out: nothing can be said of them."""
    whole = {name: np.array([np.nan if one is None else one for one in values], dtype=float)
             for name, values in series.items()}
    asked: list[tuple[str, str, int]] = []
    for first, second in combinations(whole, 2):
        asked += [(first, second, 0), (first, second, 1), (second, first, 1)]
    found = []
    for first, second, lag in asked:
        length = len(whole[first])
        one, other = whole[first][: length - lag], whole[second][lag:]
        there = ~(np.isnan(one) | np.isnan(other))
        points = int(there.sum())
        if points < MINIMUM:
            continue
        scores = _scores(one[there]), _scores(other[there])
        if scores[0] is None or scores[1] is None:
            continue
        rho = float(np.clip(scores[0] @ scores[1], -1.0, 1.0))
        found.append((first, second, lag, rho, points, _p(*scores, rho)))
    adjusted = holm([one[5] for one in found])
    return sorted((Association(*one, more) for one, more in zip(found, adjusted, strict=True)),
                  key=lambda one: (one.adjusted, one.p, -abs(one.rho), one.first, one.second, one.lag))


def _scores(values: Sequence[float]) -> np.ndarray | None:
    """Ranks, centred and of length 1: their product is the correlation."""
    centred = ranks(values)
    centred = centred - centred.mean()
    size = float(np.sqrt(centred @ centred))
    return centred / size if size > 1e-12 else None


def _p(first: np.ndarray, second: np.ndarray, rho: float) -> float:
    length, p = len(first), 1.0
    for drawn, worth_more in LOOKS:
        p = share(abs(rho), np.concatenate([np.abs(second[some] @ first) for some in parts(length, drawn)]), length)
        if p > worth_more:
            break
    return p
