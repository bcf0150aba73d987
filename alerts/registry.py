"""Measures: what a rule can be about. Each app may bring its own, in a module `alert_measures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from django.utils.module_loading import autodiscover_modules

from events.charts.units import Unit


@dataclass(frozen=True, slots=True)
class Scope:
    """What a measure looks at: the last `window` seconds before `now`, of one lane or job where that is said. `memory`
    is the measure's own from pass to pass: JSON, which outlives the evaluator."""

    now: datetime
    window: int = 600
    minimum: int = 0
    lane: str = ""
    job: str = ""
    memory: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A value in the unit of its measure, and what else is to be said of it, such as how many were counted."""

    value: float
    note: str = ""


# The unit of what is so or not.
YES_OR_NO = Unit(lambda value: "yes" if value else "no", whole=True)
# By what is measured, such as `shop/web`; the empty name where it is one thing.
Readings = Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class Measure:
    """`read` gives what is now: None while that cannot be known (nothing is decided then), and nothing at all where
    there is nothing to measure (which is well). `windowed`: it looks at the window of its rule; `scoped`: it can look
    at one lane or job alone; `compare`: which side is usually the bad one."""

    key: str
    title: str
    unit: Unit
    unit_name: str
    describe: str
    read: Callable[[Scope], Readings | None]
    compare: str = "above"
    windowed: bool = False
    scoped: bool = False


_registry: dict[str, Measure] = {}


def register(*measures: Measure) -> None:
    """Add measures, each under a key of its own."""
    for one in measures:
        if one.key in _registry:
            raise ValueError(f"There is a measure {one.key} already.")
        _registry[one.key] = one


@cache
def _discover() -> None:
    autodiscover_modules("alert_measures")


def measures() -> list[Measure]:
    """All measures, by key."""
    _discover()
    return [_registry[key] for key in sorted(_registry)]


def measure(key: str) -> Measure | None:
    """The measure of that key, None when this Hub has none."""
    _discover()
    return _registry.get(key)
