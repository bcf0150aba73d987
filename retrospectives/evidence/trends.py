"""Slow trends: values that go up or down sprint by sprint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from retrospectives.evidence.orders import orders, share

MINIMUM = 5
"""Points below which no trend is claimed: with four, even a perfect one has p = 0.083."""


@dataclass(frozen=True, slots=True)
class Trend:
    """`slope`: units a sprint; `start`: the fitted value at the first point; `score`: Kendall's S, pairs that rise
    less pairs that fall; `tau`: S as a share of all pairs (tau-a); `p`: two-sided."""

    slope: float
    start: float
    score: int
    tau: float
    p: float


def slow_trend(values: Sequence[float], positions: Sequence[float] | None = None) -> Trend | None:
    """The Theil-Sen slope with the exact Mann-Kendall p. None below MINIMUM points, and for a constant series.

    `positions`: where the values stand, when some sprints between them have none; else 0, 1, 2, ...
    Slope: the median of the slopes of all pairs (Theil 1950; Sen 1968, JASA 63, 1379-1389), the line through the two
    medians. Test: Mann 1945, Econometrica 13, 245-259; Kendall, Rank Correlation Methods, chapter 5.
    """
    series = np.asarray(values, dtype=float)
    length = len(series)
    if length < MINIMUM or np.ptp(series) == 0:
        return None
    where = np.arange(length, dtype=float) if positions is None else np.asarray(positions, dtype=float)
    first, second = np.triu_indices(length, 1)
    rises = series[second] - series[first]
    slope = float(np.median(rises / (where[second] - where[first])))
    score = int(np.sign(rises).sum())
    start = float(np.median(series)) - slope * float(np.median(where)) + slope * float(where[0])
    return Trend(slope, start, score, score / len(rises), _p(series, score))


def _p(series: np.ndarray, score: int) -> float:
    length = len(series)
    if len(np.unique(series)) == length:
        return _exact(length, abs(score))
    # Equal values change the distribution: it is then taken from the orders of these values.
    first, second = np.triu_indices(length, 1)
    ranks = np.unique(series, return_inverse=True)[1].astype(np.int8)[orders(length)]
    return share(abs(score), np.abs(np.sign(ranks[:, second] - ranks[:, first]).sum(axis=1)), length)


def _exact(length: int, score: int) -> float:
    """P(|S| >= score) when all orders of `length` different values are equally likely."""
    counts = _inversions(length)
    pairs = length * (length - 1) // 2
    reached = sum(count for falls, count in enumerate(counts) if abs(pairs - 2 * falls) >= score)
    return reached / math.factorial(length)


@lru_cache(maxsize=32)
def _inversions(length: int) -> tuple[int, ...]:
    """How many orders of `length` values have 0, 1, 2, ... pairs that fall (Mahonian numbers)."""
    counts = [1]
    for size in range(2, length + 1):
        longer = [0] * (len(counts) + size - 1)
        for falls, count in enumerate(counts):
            for more in range(size):
                longer[falls + more] += count
        counts = longer
    return tuple(counts)
