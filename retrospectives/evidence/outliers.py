"""Single values that lie far from all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MINIMUM = 5
FAR = 3.5
"""Beyond this a value is called an outlier (Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers, p. 12)."""

NORMAL = 0.6744897501960817
"""The third quartile of the standard normal: the median absolute deviation of normal values is this times sigma."""
MEAN_NORMAL = 0.7978845608028654
"""The same for the mean absolute deviation: the square root of 2 / pi."""


def robust_z(values: Sequence[float]) -> tuple[float, ...] | None:
    """How far each value lies from the median, in standard deviations as the median absolute deviation tells them.

    When more than half of the values are equal, that deviation is 0, and the mean absolute deviation from the median
    takes its place (Iglewicz and Hoaglin, p. 13). None below MINIMUM points; all 0 for a constant series.
    """
    series = np.asarray(values, dtype=float)
    if len(series) < MINIMUM:
        return None
    away = series - np.median(series)
    spread = float(np.median(np.abs(away))) / NORMAL or float(np.abs(away).mean()) / MEAN_NORMAL
    return tuple(float(one) for one in (away / spread if spread else away))


def outliers(values: Sequence[float]) -> tuple[int, ...]:
    """The indices of the values with |robust z| above FAR; none below MINIMUM points."""
    return tuple(at for at, z in enumerate(robust_z(values) or ()) if abs(z) > FAR)
