"""Reading one sprint from what people and other systems write: strictly, with the name of what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from retrospectives.errors import BadSprint
from retrospectives.metrics import METRICS, SIZES, Metric

LONGEST_DAYS = 366
MOST = 1e9
NAMES = ("sprint_id", "sprint_name", "start_date", "end_date", "team_id")


@dataclass(frozen=True, slots=True)
class Row:
    """One sprint as it was read: `values` by key of METRICS, without those that are missing."""

    team: str
    sprint_id: str
    name: str
    start: date
    end: date
    values: dict[str, float]


def read_row(given: Mapping[str, Any], team: str = "") -> Row:
    """A sprint from the fields of the contract; empty and null values are missing. `team`: where the row names none.

    Sizes may come as `story_point_distribution` or as `points_small`, `points_medium`, `points_large`.
    Raises BadSprint with the field.
    """
    if not isinstance(given, Mapping):
        raise BadSprint("A sprint must be an object with named fields.", "")
    unknown = sorted(set(map(str, given)) - set(NAMES) - set(METRICS) - {"story_point_distribution"})
    if unknown:
        raise BadSprint(f"There is no field {unknown[0][:60]!r}.", unknown[0][:60])
    sprint_id = _text(given, "sprint_id", 100)
    start, end = _day(given, "start_date"), _day(given, "end_date")
    if end < start:
        raise BadSprint(f"It ends on {end}, before it begins on {start}.", "end_date")
    if (end - start).days > LONGEST_DAYS:
        raise BadSprint(f"It lasts from {start} to {end}: a sprint has at most {LONGEST_DAYS} days.", "end_date")
    sizes = given.get("story_point_distribution")
    if sizes in (None, ""):
        sizes = {}
    if not isinstance(sizes, Mapping) or set(sizes) - set(SIZES):
        raise BadSprint("It must be an object with small, medium and large.", "story_point_distribution")
    values = {}
    for key, metric in METRICS.items():
        value = _number(given.get(key), metric, key)
        if value is not None:
            values[key] = value
    for size, key in SIZES.items():
        value = _number(sizes.get(size), METRICS[key], f"story_point_distribution.{size}")
        if value is not None:
            values[key] = value
    return Row(
        _text(given, "team_id", 100, team), sprint_id, _text(given, "sprint_name", 200, sprint_id), start, end, values,
    )  # fmt: skip


def _text(given: Mapping[str, Any], name: str, longest: int, default: str | None = None) -> str:
    value = given.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # ids are numbers in some systems
    if value is None or (isinstance(value, str) and not value.strip()):
        if default is None:
            raise BadSprint("It is missing.", name)
        return default
    if not isinstance(value, str) or "\0" in value:
        raise BadSprint("It must be a text.", name)
    if len(value.strip()) > longest:
        raise BadSprint(f"It has {len(value.strip())} characters; at most {longest} are kept.", name)
    return value.strip()


def _day(given: Mapping[str, Any], name: str) -> date:
    value = given.get(name)
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise BadSprint("It is missing: a date such as 2026-11-09.", name)
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise BadSprint(f"{text[:40]!r} is no date: write it as 2026-11-09.", name) from None


def _number(value: Any, metric: Metric, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            raise BadSprint(f"{text[:40]!r} is no number.", name) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadSprint(f"{str(value)[:40]!r} is no number.", name)
    if not math.isfinite(value) or abs(value) > MOST:
        raise BadSprint(f"{str(value)[:40]} is out of range.", name)
    if value < metric.low or (metric.high is not None and value > metric.high):
        upper = "" if metric.high is None else f" to {metric.high:g}"
        raise BadSprint(f"{value:g} is out of range: {metric.label.lower()} goes from {metric.low:g}{upper}.", name)
    if metric.whole and value != int(value):
        raise BadSprint(f"{value:g} is no whole number.", name)
    return int(value) if metric.whole else float(value)
