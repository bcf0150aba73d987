"""What the bench says: figures with their bounds, and on which machine they were seen."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Bound:
    """What the figure must be, in its own unit: at most (`<=`) or at least (`>=`) the limit."""

    limit: float
    at_least: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {number(self.limit)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `note` says how it came about."""

    name: str
    value: float
    unit: str
    bound: Bound | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether it is within its bound; None where there is none."""
        return None if self.bound is None else self.bound.holds(self.value)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "value": round(self.value, 4), "unit": self.unit, "note": self.note,
                "bound": None if self.bound is None else str(self.bound), "holds": self.holds}


def at_most(limit: float) -> Bound:
    return Bound(limit)


def at_least(limit: float) -> Bound:
    return Bound(limit, at_least=True)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed: the nearest rank, so one that was really seen."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]


def number(value: float) -> str:
    """Three digits that mean something, and no exponent."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def machine() -> dict[str, Any]:
    """Date, size and load of the machine: figures mean nothing without them."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(pages * page / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def describe(seen: dict[str, Any]) -> str:
    """The machine as one line."""
    return (f"{seen['date']} · {seen['cores']} cores ({seen['processor']}) · {seen['memory_gib']} GiB · "
            f"{seen['system']} · Python {seen['python']} · load before: {seen['load_before']}")


def table(figures: Sequence[Figure]) -> str:
    """Figures as lines of text, the missed bounds marked in words."""
    wide = max((len(figure.name) for figure in figures), default=0)
    lines = []
    for figure in figures:
        said = {None: "", True: f"bound {figure.bound}: holds", False: f"bound {figure.bound}: MISSED"}[figure.holds]
        line = f"  {figure.name:<{wide}}  {number(figure.value):>8} {figure.unit:<6} {said:<22} {figure.note}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:  # not Linux
        names = []
    return names[0] if names else platform.machine()
