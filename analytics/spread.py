"""How lengths are spread, small enough to be kept for every minute, and mergeable: a histogram with relative error.

The buckets are those of DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
relative-error guarantees", VLDB 2019), none of which is ever collapsed: bucket i holds what is above gamma^(i-1) and at
most gamma^i, so its middle is less than ALPHA away from every value in it, in parts of that value. A percentile lies
between two neighbours in order, as in `percentile_cont`; each is known to ALPHA, and so is every mean of the two.
"""

from __future__ import annotations

import math
import sys
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate, repeat
from operator import add

# The relative error; a little below the hundredth that is promised.
ALPHA = 0.009
GAMMA = (1 + ALPHA) / (1 - ALPHA)
LOG = math.log(GAMMA)
# How many bytes a count may take, and the code of such an array.
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Spread:
    """How many values fell into which bucket. Values are whole numbers from 0, such as microseconds.

    What is merged into it is unpacked when it is asked for: most of what a chart reads never is.
    """

    __slots__ = ("_counts", "_packed")

    def __init__(self, *packed: bytes) -> None:
        self._counts: dict[int, int] = {}
        self._packed = [one for one in packed if one]

    @property
    def counts(self) -> dict[int, int]:
        """By bucket how many fell into it."""
        if self._packed:
            for one in self._packed:
                _add(self._counts, *unpacked(one))
            self._packed.clear()
        return self._counts

    def add(self, value: int) -> None:
        """Count one value; what is negative counts as 0."""
        place, counts = place_of(value), self.counts
        counts[place] = counts.get(place, 0) + 1

    def merge(self, packed: Iterable[bytes]) -> None:
        """Add what was counted elsewhere."""
        self._packed += [one for one in packed if one]

    def take_in(self, other: Spread) -> None:
        """Add what another one holds."""
        self._packed += other._packed
        if other._counts:
            _add(self._counts, other._counts, other._counts.values())

    def packed(self) -> bytes:
        """All of it; the same counts are the same bytes."""
        return packed(self.counts)

    def quantiles(self, *shares: float) -> list[float | None]:
        """Of each share (0.5 is the median) the value as `percentile_cont` defines it, within ALPHA of it; None where
        nothing was counted."""
        if len(self._packed) == 1 and not self._counts:
            places, numbers = unpacked(self._packed[0])  # they are in order
        else:
            places = sorted(self.counts)
            numbers = map(self.counts.__getitem__, places)
        ends = list(accumulate(numbers))
        if not ends or not ends[-1]:
            return [None] * len(shares)
        found: list[float | None] = []
        for share in shares:
            rank = share * (ends[-1] - 1)
            # The value of a rank, counted from 0, is that of the first bucket that ends above it.
            low, high = (value_of(places[bisect_right(ends, round_to(rank))]) for round_to in (math.floor, math.ceil))
            found.append(low + (high - low) * (rank - math.floor(rank)))
        return found


def place_of(value: int) -> int:
    """The bucket of a value: 0 for nothing, else 1 and more."""
    return 0 if value <= 0 else 1 + math.ceil(math.log(value) / LOG - 1e-12)


def value_of(place: int) -> float:
    """The value that stands for a bucket."""
    return 0.0 if place == 0 else 2 * GAMMA ** (place - 1) / (GAMMA + 1)


def packed(counts: dict[int, int]) -> bytes:
    """One byte that says how wide a count is, two for each bucket, and the counts; empty for nothing."""
    if not counts:
        return b""
    places = sorted(counts)
    most = max(counts.values())
    width = next(width for width in CODES if most < 1 << 8 * width)
    numbers = array(CODES[width], [counts[place] for place in places])
    return bytes([width]) + _portable(array("H", places)) + _portable(numbers)


def unpacked(data: bytes) -> tuple[Sequence[int], Sequence[int]]:
    """Buckets, and the counts of each."""
    if not data:
        return (), ()
    data = bytes(data)
    width = data[0]
    middle = 1 + (len(data) - 1) // (2 + width) * 2
    places, numbers = array("H", data[1:middle]), array(CODES[width], data[middle:])
    if sys.byteorder == "big":
        places.byteswap()
        numbers.byteswap()
    return places, numbers


def _add(counts: dict[int, int], places: Collection[int], numbers: Iterable[int]) -> None:
    """Add these, without a loop in Python: a chart adds up tens of thousands of them."""
    together = map(add, numbers, map(counts.get, places, repeat(0))) if counts else numbers
    counts.update(zip(places, together, strict=True))


def _portable(values: array) -> bytes:
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()
