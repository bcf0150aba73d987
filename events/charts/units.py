"""Numbers as charts write them, and round numbers for their axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log10


def number(value: float) -> str:
    """1,204,881 · 98.1 · 0.42: thousands apart, a true minus sign, no more digits than are read."""
    places = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    text = f"{value:,.{places}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def seconds(value: float) -> str:
    """12 ms · 4.1 s · 1 min 52 s · 3 d 4 h"""
    if abs(value) < 60:
        return f"{number(value * 1000)} ms" if 0 < abs(value) < 0.1 else f"{number(value)} s"
    whole, sign = round(abs(value)), "−" if value < 0 else ""
    for length, big, small, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= length:
            rest = whole % length // small
            return f"{sign}{whole // length} {big}" + (f" {rest} {name}" if rest else "")
    return f"{sign}{whole} s"


def size(value: float) -> str:
    """512 B · 46 MiB · 3.1 GiB"""
    for name in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{number(value)} {name}"
        value /= 1024
    return f"{number(value)} TiB"


@dataclass(frozen=True)
class Unit:
    """`show` writes one value; `scales` are (used from, divided by, name over the axis); `whole` keeps ticks at
    integers."""

    show: Callable[[float], str]
    scales: tuple[tuple[float, float, str], ...] = ((0, 1, ""),)
    whole: bool = False


def count(name: str) -> Unit:
    """Things that are counted."""
    scales = ((0, 1, name), (1e4, 1e3, f"thousand {name}"), (1e7, 1e6, f"million {name}"))
    return Unit(number, scales, whole=True)


def plain(name: str, after: str = "") -> Unit:
    """A number with its unit's `name` over the axis, and `after` behind each value."""
    return Unit(lambda value: number(value) + after, ((0, 1, name),))


def _bytes(after: str) -> Unit:
    names = ((0, 1, "bytes"), (2048, 1024, "KiB"), (2 * 1024**2, 1024**2, "MiB"), (2 * 1024**3, 1024**3, "GiB"))
    return Unit(lambda value: size(value) + after, tuple((start, by, name + after) for start, by, name in names))


PERCENT = plain("%", " %")
SECONDS = Unit(seconds, (
    (0, 0.001, "ms"), (1, 1, "seconds"), (180, 60, "minutes"), (7200, 3600, "hours"), (172800, 86400, "days"),
))
BYTES, BYTES_A_SECOND = _bytes(""), _bytes("/s")


def ticks(low: float, high: float, steps: int = 4, whole: bool = False) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`, in steps of 1, 2, 2.5 or 5 × 10ⁿ."""
    if high <= low:
        high = low + (abs(low) or 1)
    raw = (high - low) / steps
    power = 10.0 ** floor(log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10)
                if m * power >= raw * 0.999 and not (whole and m == 2.5 and power <= 1))
    step = max(step, 1) if whole else step
    return [round(n * step, 10) for n in range(floor(low / step + 1e-9), ceil(high / step - 1e-9) + 1)]
