"""Percentiles of merged histograms are those of all values, within a hundredth."""

from __future__ import annotations

import random

import pytest

from analytics.spread import Spread, packed, place_of, unpacked, value_of

SHAPES = {
    "lengths of a run": lambda chance: chance.lognormvariate(1, 1.5) * 1e6,
    "quick or slow": lambda chance: chance.gauss(*((0.2, 0.03) if chance.random() < 0.7 else (90, 8))) * 1e6,
    "waits behind a burst": lambda chance: chance.paretovariate(1.2) * 4000,
    "many that do not wait": lambda chance: 0 if chance.random() < 0.6 else chance.expovariate(1 / 3) * 1e6,
}
SHARES = (0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


def continuous(values: list[int], share: float) -> float:
    """`percentile_cont` of sorted values."""
    rank = share * (len(values) - 1)
    low = int(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (rank - low)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("number", [1, 2, 7, 5000])
def test_percentiles_of_merged_parts_are_within_a_hundredth(shape: str, number: int):
    chance = random.Random(number)
    values = [max(0, round(SHAPES[shape](chance))) for _ in range(number)]
    parts = [Spread() for _ in range(5)]
    for place, value in enumerate(values):
        parts[place % 5].add(value)
    merged = Spread(*(part.packed() for part in parts))
    for share, found in zip(SHARES, merged.quantiles(*SHARES), strict=True):
        assert found == pytest.approx(continuous(sorted(values), share), rel=0.01)


def test_every_value_is_within_a_hundredth_of_its_bucket():
    for value in [*range(1, 5000), *(int(1.003**power) for power in range(2000, 11000, 7))]:
        assert abs(value_of(place_of(value)) - value) <= 0.0091 * value
    assert place_of(0) == place_of(-5) == 0 and value_of(0) == 0


def test_what_is_packed_is_small_and_comes_back():
    chance = random.Random(1)
    spread = Spread()
    assert spread.packed() == b"" and spread.quantiles(0.5) == [None]
    spread.add(1_000_000)
    assert len(spread.packed()) == 4
    for _ in range(20_000):
        spread.add(round(chance.lognormvariate(1, 1.5) * 1e6))
    assert len(spread.packed()) < 4000
    for most in (3, 300, 70_000, 1 << 40):
        counts = {0: 1, 17: most, 1500: 2}
        assert dict(zip(*unpacked(packed(counts)), strict=True)) == counts
