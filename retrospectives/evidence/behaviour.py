"""Process behaviour charts (XmR): what is the usual spread of a series, and what lies outside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MINIMUM = 6
"""Points below which natural limits are too wide or too narrow to be of use."""

SCALE = 2.66
"""3 / d2 for ranges of two neighbours, d2 = 1.128 (Wheeler 1993, Understanding Variation, chapter 3)."""
RUN = 8
NEAR, OF = 3, 4


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`mean` is the central line, `lower` and `upper` the natural process limits (`lower` not below `floor`);
    `moving_range`: the mean of the moving ranges. `outside`: indices beyond a limit; `runs`: the index at which each
    run of RUN values on one side of the mean is complete; `near`: the index at which NEAR of OF neighbours lie nearer
    to one limit than to the mean."""

    mean: float
    lower: float
    upper: float
    moving_range: float
    outside: tuple[int, ...]
    runs: tuple[int, ...]
    near: tuple[int, ...]


def behaviour(values: Sequence[float], floor: float | None = None, ceiling: float | None = None) -> Behaviour | None:
    """Natural limits by the mean moving range, with Wheeler's three detection rules. None below MINIMUM points.

    `floor`, `ceiling`: what the value cannot go below or above, such as 0 for a count; a limit beyond says nothing.
    Rules: Wheeler and Chambers 1992, Understanding Statistical Process Control, chapter 5: a point outside the limits;
    eight in a row on one side; three of four nearer to a limit than to the central line.
    """
    series = np.asarray(values, dtype=float)
    if len(series) < MINIMUM:
        return None
    mean = float(series.mean())
    moving_range = float(np.abs(np.diff(series)).mean())
    reach = SCALE * moving_range
    slack = 1e-9 * max(1.0, float(np.abs(series).max()))
    outside = tuple(int(at) for at in np.flatnonzero(np.abs(series - mean) > reach + slack))
    sides = np.where(series > mean + slack, 1, np.where(series < mean - slack, -1, 0))
    closer = np.where(np.abs(series - mean) > reach / 2 + slack, sides, 0)
    runs = tuple(
        at for at in range(RUN - 1, len(series)) if sides[at] and np.all(sides[at - RUN + 1 : at + 1] == sides[at])
    )
    near = tuple(
        at for at in range(OF - 1, len(series))
        if closer[at] and np.count_nonzero(closer[at - OF + 1 : at + 1] == closer[at]) >= NEAR
    )
    lower, upper = mean - reach, mean + reach
    return Behaviour(
        mean, lower if floor is None else max(lower, floor), upper if ceiling is None else min(upper, ceiling),
        moving_range, outside, runs, near,
    )
