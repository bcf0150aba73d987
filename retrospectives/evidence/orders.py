"""The orders in which a series might as well have come: what permutation tests compare with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import permutations

import numpy as np

SEED = 20_211
DRAWN = 9_999
"""So many orders are drawn where there are too many to try all; the smallest p is then 1 / (DRAWN + 1)."""
AT_ONCE = 10_000


@lru_cache(maxsize=32)
def orders(length: int, drawn: int = DRAWN) -> np.ndarray:
    """Orders of `range(length)`, one in each row: all of them when they are no more than DRAWN, else `drawn` many
    taken at random, without the identity."""
    if math.factorial(length) <= DRAWN:
        return np.array(list(permutations(range(length))), dtype=np.int8)
    chance = np.random.default_rng(SEED + length)
    return chance.permuted(np.tile(np.arange(length, dtype=np.int8), (drawn, 1)), axis=1)


def parts(length: int, drawn: int) -> Iterator[np.ndarray]:
    """The same orders, some at a time: what is computed for each then takes little memory."""
    every = orders(length, drawn)
    for begin in range(0, len(every), AT_ONCE):
        yield every[begin : begin + AT_ONCE]


def share(observed: float, statistics: np.ndarray, length: int) -> float:
    """The p of a statistic that is larger the less chance explains it, from its values under `orders(length)`.

    With all orders it is the exact share of those that give as much. With drawn ones the observed order is counted
    in, so that p is never 0 (Phipson and Smyth 2010, "Permutation P-values should never be zero", equation 2).
    """
    reached = int(np.count_nonzero(statistics >= observed - 1e-9 * max(1.0, abs(observed))))
    if math.factorial(length) <= len(statistics):
        return reached / len(statistics)
    return (reached + 1) / (len(statistics) + 1)
