"""Moving averages: a line that is calmer than the values."""

from __future__ import annotations

from collections.abc import Sequence


def moving_average(values: Sequence[float | None], width: int = 3) -> list[float | None]:
    """The mean of each value and the `width` - 1 before it; None until there are so many places, and where none of
    them has a value. Missing values are left out of the mean, not taken for 0."""
    means: list[float | None] = []
    for at in range(len(values)):
        there = [one for one in values[max(0, at - width + 1) : at + 1] if one is not None]
        means.append(sum(there) / len(there) if there and at >= width - 1 else None)
    return means
