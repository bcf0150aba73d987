"""Level shifts: from some sprint on, a value lies higher or lower than before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrospectives.evidence.orders import DRAWN, orders, share

MINIMUM = 6
"""Points below which no split is claimed: with fewer, all orders together cannot give a p below 0.05 twice over."""

FIRST_LOOK = 499
"""Orders tried at first. Only a p that may matter is worth the others."""
WORTH_MORE = 0.1


@dataclass(frozen=True, slots=True)
class Shift:
    """The best split of a series. `at`: index of the first value after it; `before`, `after`: the means on either
    side; `effect`: their difference in pooled standard deviations (infinite when both sides are constant);
    `statistic`: |t| of the pooled two-sample test; `p`: from its permutation distribution."""

    at: int
    before: float
    after: float
    effect: float
    statistic: float
    p: float


def shortest_side(length: int) -> int:
    """So many values at least must lie on either side of a split."""
    return 2 if length < 9 else 3


def best_split(values: Sequence[float], drawn: int = DRAWN) -> Shift | None:
    """The split with the largest |t|, and how often chance alone gives one as large somewhere in the series.

    The maximum over all splits is compared with its own permutation distribution, so that looking at many splits costs
    no false claims (the max-t change-point test: Hawkins 1977, JASA 72, 180-186; permuted as in Antoch and Hušková
    2001, Statistics & Probability Letters 53, 37-46). None below MINIMUM points, and for a constant series.
    """
    series = np.asarray(values, dtype=float)
    length = len(series)
    if length < MINIMUM or np.ptp(series) <= 1e-12 * max(1.0, float(np.abs(series).max())):
        return None
    centred = series - series.mean()
    between = _between(centred[np.newaxis, :])[0]
    at = int(between.argmax()) + shortest_side(length)
    observed = float(between.max())
    p = _p(centred, observed, min(drawn, FIRST_LOOK))
    if p <= WORTH_MORE and drawn > FIRST_LOOK:
        p = _p(centred, observed, drawn)
    before, after = float(series[:at].mean()), float(series[at:].mean())
    within = max(0.0, float(np.square(centred).sum()) - observed)
    # A sum of squares that is rounding only is none.
    pooled = math.sqrt(within / (length - 2)) if within > 1e-12 * observed else 0.0
    effect = (after - before) / pooled if pooled else math.copysign(math.inf, after - before)
    statistic = abs(effect) / math.sqrt(1 / at + 1 / (length - at))
    return Shift(at, before, after, effect, statistic, p)


def _between(rows: np.ndarray) -> np.ndarray:
    """For centred series, one in each row: the sum of squares between the two sides of each split.

    The sum of squares in all is the same for every order of a series, and t² = (n - 2) B / (T - B) grows with B: the
    split with the largest B is that with the largest |t|.
    """
    length = rows.shape[1]
    side = shortest_side(length)
    sizes = np.arange(side, length - side + 1)
    sums = rows.cumsum(axis=1)[:, sizes - 1]
    return np.square(sums) * (length / (sizes * (length - sizes)))


def _p(centred: np.ndarray, observed: float, drawn: int) -> float:
    length = len(centred)
    return share(observed, _between(centred[orders(length, drawn)]).max(axis=1), length)
