"""What may follow the colon of a qualifier: numbers, lengths of time and moments, with bounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Generic, TypeVar

from tasks.search.errors import BadQuery

Value = TypeVar("Value")
OPERATORS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt", "=": "exact"}
LENGTH = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|min|m|h|d|w)?")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Bounds(Generic[Value]):
    """Lookups of the ORM that a value has to meet, all of them: `(("gte", 3), ("lte", 5))`."""

    tests: tuple[tuple[str, Value], ...]


def bounds(text: str, position: int, read: Callable[[str], Value], expected: str) -> Bounds[Value]:
    """Of `8`, `>=8`, `3..5`, `3..` or `..5`; `read` raises ValueError for what is no value. Raises BadQuery."""
    try:
        if ".." in text:
            low, _, high = text.partition("..")
            if not low and not high:
                raise ValueError(text)
            tests = ([("gte", read(low))] if low else []) + ([("lte", read(high))] if high else [])
            return Bounds(tuple(tests))
        for sign, lookup in OPERATORS.items():
            if text.startswith(sign):
                return Bounds(((lookup, read(text[len(sign):])),))
        return Bounds((("exact", read(text)),))
    except ValueError:
        raise BadQuery(f"“{text[:40]}” is not understood.", position, expected) from None


def number(text: str) -> int:
    """A whole number from 0, of at most nine digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError(text)
    return int(text)


def seconds(text: str) -> float:
    """A length of time in seconds: `30`, `30s`, `1.5h`."""
    found = LENGTH.fullmatch(text) if text.isascii() else None
    if found is None:
        raise ValueError(text)
    return float(found[1]) * SECONDS[found[2] or "s"]


def period(text: str, position: int, now: datetime, expected: str) -> Bounds[datetime]:
    """When it was: a day or moment with bounds as for numbers, or `24h`, which is the last 24 hours.

    A day means the whole of it: `..2026-11-07` ends with that day, `>2026-11-07` begins after it.
    """
    try:
        if DAY.match(text) is None and LENGTH.fullmatch(text) and not text.isdigit():
            return Bounds((("gte", now - timedelta(seconds=seconds(text))),))
    except OverflowError:
        raise BadQuery(f"“{text[:40]}” is too long ago.", position, expected) from None
    tests: list[tuple[str, datetime]] = []
    for lookup, (first, after) in bounds(text, position, _span, expected).tests:
        tests += {
            "gte": [("gte", first)], "gt": [("gte", after)], "lte": [("lt", after)], "lt": [("lt", first)],
            "exact": [("gte", first), ("lt", after)],
        }[lookup]  # fmt: skip
    return Bounds(tuple(tests))


def _span(text: str) -> tuple[datetime, datetime]:
    """A day, minute or second: when it begins, and when the next does. Without an offset it is UTC."""
    try:
        if DAY.fullmatch(text):
            first, size = datetime.combine(date.fromisoformat(text), time(), UTC), timedelta(days=1)
        elif DAY.match(text) and len(text) > 10 and text[10] in "Tt":
            first = datetime.fromisoformat(text)
            first = first if first.tzinfo else first.replace(tzinfo=UTC)
            clock = re.split(r"[+\-Zz]", text[11:])[0]
            size = timedelta(minutes=1) if clock.count(":") < 2 else (
                timedelta(microseconds=1) if "." in clock else timedelta(seconds=1))
        else:
            raise ValueError(text)
        return first, first + size
    except OverflowError:
        raise ValueError(text) from None
