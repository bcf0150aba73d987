"""Examples from books and standards, and some that can be counted on paper."""

from __future__ import annotations

import math

import pytest

from retrospectives.evidence.association import associations, spearman
from retrospectives.evidence.averages import moving_average
from retrospectives.evidence.behaviour import behaviour
from retrospectives.evidence.corrections import holm
from retrospectives.evidence.outliers import outliers, robust_z
from retrospectives.evidence.shifts import best_split
from retrospectives.evidence.trends import slow_trend


def test_individuals_chart_of_the_nist_handbook():
    """NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2, flowrate of ten batches: mean 50.81, mean moving range
    1.8778, limits 55.80 and 45.82 (there with 3 / 1.128 = 2.6596, here Wheeler's 2.66)."""
    found = behaviour([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
    assert found.mean == pytest.approx(50.81)
    assert found.moving_range == pytest.approx(1.8778, abs=5e-5)
    assert (found.lower, found.upper) == (pytest.approx(45.8159, abs=2e-3), pytest.approx(55.8041, abs=2e-3))
    assert found.outside == found.runs == ()


def test_run_rules_name_the_point_at_which_they_are_met():
    assert behaviour([0, 1] * 4 + [30, 0, 1]).outside == (8,)
    # Ten low, then ten high: from the eighth on a side the run is complete, and stays so.
    found = behaviour([0, 0.4] * 5 + [5, 5.4] * 5)
    assert found.runs == (7, 8, 9, 17, 18, 19)
    assert behaviour([1] * 5) is None
    bounded = behaviour([0, 3, 0, 4, 1, 5], floor=0, ceiling=6)
    assert bounded.lower == 0 and bounded.upper == 6


def test_slope_of_hollander_and_wolfe():
    """Hollander and Wolfe, Nonparametric Statistical Methods, example 9.1 (cloud seeding, after Smith 1967): the median
    of the ten slopes is -0.05625. Of ten pairs two rise: S = -6, and 0.2333 is twice the share 14 / 120 of the orders
    of five values with S >= 6 (counted from the numbers of orders by inversions: 1, 4, 9, 15, 20, ...)."""
    found = slow_trend([1.26, 1.27, 1.12, 1.16, 1.03])
    assert found.slope == pytest.approx(-0.05625)
    assert found.score == -6
    assert found.p == pytest.approx(2 * (1 + 4 + 9) / 120)


def test_a_perfect_trend_has_the_smallest_p_there_is():
    assert slow_trend(range(5)).p == pytest.approx(2 / math.factorial(5))
    assert slow_trend([0, 1, 2, 3]) is None and slow_trend([2] * 9) is None
    # Sprints without a value stand between: the slope is a sprint's, not a value's.
    assert slow_trend([0, 2, 4, 6, 8], [0, 2, 4, 6, 8]).slope == 1


def test_a_clean_step_of_twelve_has_two_orders_of_924():
    """Only the two orders of sides keep six low values on one side of the middle: 2 / C(12, 6), and none of the other
    splits can be as clean. It takes drawn orders to estimate it."""
    found = best_split([1, 1.1, 0.9, 1.05, 0.95, 1, 9, 9.1, 8.9, 9.05, 8.95, 9])
    assert (found.at, round(found.before, 6), round(found.after, 6)) == (6, 1.0, 9.0)
    assert found.p == pytest.approx(2 / math.comb(12, 6), abs=0.0015)
    assert best_split([1, 2, 3, 4, 5]) is None and best_split([7] * 12) is None
    assert best_split([0] * 6 + [1] * 6).effect == math.inf


def test_rank_correlation_of_ten_people():
    """Intelligence and hours before a television of ten people, an example of many textbooks: d² sums to 194, and
    rho = 1 - 6 × 194 / (10 × 99) = -29 / 165."""
    iq = [106, 86, 100, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 0, 27, 50, 28, 29, 20, 12, 6, 17]
    assert spearman(iq, hours) == pytest.approx(-29 / 165)


def test_holm_of_four():
    """On paper: 4 × 0.005, 3 × 0.01, 2 × 0.03, and 0.04, which may not be less than the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([]) == () and holm([0.9, 0.8]) == (1.0, 1.0)


def test_outliers_of_iglewicz_and_hoaglin():
    """The median is 2.45 and the median absolute deviation 0.15, so that 8.2 has 0.6745 × 5.75 / 0.15 = 25.86."""
    values = [2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3]
    assert robust_z(values)[8] == pytest.approx(25.86, abs=0.01)
    assert outliers(values) == (8, 9)
    # More than half are equal: the mean deviation takes the place of the median one.
    assert outliers([5] * 9 + [50]) == (9,) and outliers([5] * 10) == () and robust_z([1, 2]) is None


def test_moving_average_leaves_out_what_is_missing():
    assert moving_average([3, None, 6, None, None, None, 9], 3) == [None, None, 4.5, 6, 6, None, 9]


def test_a_pair_that_goes_together_a_sprint_later_is_found():
    chance = [3, 9, 1, 7, 5, 8, 2, 6, 4, 11, 0, 10]
    found = associations({"leads": chance, "follows": [None, *chance[:-1]], "constant": [4] * 12,
                          "short": [1, 2, 3] + [None] * 9})
    first = found[0]
    assert (first.first, first.second, first.lag, first.points) == ("leads", "follows", 1, 11)
    assert first.rho == pytest.approx(1) and first.adjusted < 0.05
    assert {name for one in found for name in (one.first, one.second)} == {"leads", "follows"}
