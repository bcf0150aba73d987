"""Many questions asked of one set of data: what a p is worth then."""

from __future__ import annotations

from collections.abc import Sequence


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """The p of each question adjusted for all that were asked, in their order (Holm 1979, Scandinavian Journal of
    Statistics 6, 65-70): those at or below alpha are wrong in any case with a chance of at most alpha together."""
    adjusted = [0.0] * len(ps)
    largest = 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = largest
    return tuple(adjusted)
