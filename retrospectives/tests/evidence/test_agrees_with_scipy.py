"""The statistics agree with scipy's on random series, with ties and without."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from retrospectives.evidence.association import spearman
from retrospectives.evidence.outliers import robust_z
from retrospectives.evidence.shifts import best_split, shortest_side
from retrospectives.evidence.trends import slow_trend

SERIES = [(seed, length, ties) for seed in range(15) for length in (6, 9, 12, 20) for ties in (False, True)]
NEAR = 1e-9


def series(seed: int, length: int, ties: bool) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return chance.integers(0, 5, length).astype(float) if ties else chance.normal(10, 3, length)


@pytest.mark.parametrize(("seed", "length", "ties"), SERIES)
def test_slope_tau_and_p(seed, length, ties):
    values = series(seed, length, ties)
    if np.ptp(values) == 0:
        assert slow_trend(values) is None
        return
    found, where = slow_trend(values), np.arange(length)
    slope, start, *_ = stats.theilslopes(values, where)
    assert found.slope == pytest.approx(slope, abs=NEAR) and found.start == pytest.approx(start, abs=NEAR)
    if not ties:
        exact = stats.kendalltau(where, values, method="exact")
        assert found.tau == pytest.approx(exact.statistic, abs=NEAR)
        assert found.p == pytest.approx(exact.pvalue, abs=NEAR)


@pytest.mark.parametrize(("seed", "length", "ties"), SERIES)
def test_rank_correlation(seed, length, ties):
    first, second = series(seed, length, ties), series(seed + 1000, length, ties)
    expected = stats.spearmanr(first, second).statistic if min(np.ptp(first), np.ptp(second)) else None
    assert spearman(first, second) == (None if expected is None else pytest.approx(expected, abs=NEAR))


@pytest.mark.parametrize(("seed", "length", "ties"), SERIES)
def test_robust_z(seed, length, ties):
    values = series(seed, length, ties)
    spread = stats.median_abs_deviation(values, scale="normal")
    if spread:
        assert robust_z(values) == pytest.approx((values - np.median(values)) / spread, abs=NEAR)


@pytest.mark.parametrize(("seed", "length", "ties"), SERIES)
def test_the_split_has_the_largest_t_of_all(seed, length, ties):
    values = series(seed, length, ties)
    if np.ptp(values) == 0:
        assert best_split(values) is None
        return
    side = shortest_side(length)
    with np.errstate(divide="ignore"):
        every = {at: abs(stats.ttest_ind(values[at:], values[:at]).statistic) for at in range(side, length - side + 1)}
    found = best_split(values)
    assert found.statistic == pytest.approx(max(every.values()), rel=NEAR)
    assert every[found.at] == pytest.approx(max(every.values()), rel=NEAR)


@pytest.mark.parametrize("seed", range(3))
def test_the_p_of_a_split_is_its_share_of_all_orders(seed):
    """Six values have 720 orders: all are tried, here in the plainest way."""
    values = series(seed, 6, ties=False)

    def largest(order) -> float:
        return max(t(order[:at], order[at:]) for at in range(2, 5))

    def t(first, second) -> float:
        within = sum(((side - side.mean()) ** 2).sum() for side in (first, second)) / 4
        return abs(second.mean() - first.mean()) / math.sqrt(within * (1 / len(first) + 1 / len(second)))

    reached = sum(largest(order) >= largest(values) - 1e-9 for order in map(np.array, permutations(values)))
    assert best_split(values).p == pytest.approx(reached / math.factorial(6), abs=NEAR)
