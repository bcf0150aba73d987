"""The rows behind a group of a report: the address of their list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse

from analytics.builder.definition import Definition, Group

LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
# What means something in a query, and cannot be said of a value.
UNSAID = frozenset('"*,\\')
LAST = timedelta(microseconds=1)


def behind(report: Definition, values: Sequence[Any]) -> str:
    """Where the rows of the group with these values, one for each grouping, are listed; empty where the data set has no
    words for one of them."""
    dataset = report.dataset
    said, first, last = [], report.first, report.last
    for group, value in zip(report.groups, values, strict=True):
        begin, end = _stretch(group, value) if group.bucket and value else (None, None)
        if begin is not None and group.column.name == dataset.at:
            first, last = max(begin, first or begin), min(end, last or end)
            continue
        word = dataset.qualifiers.get(group.column.name, "")
        if not word or value in (None, "") or UNSAID.intersection(str(value)):
            return ""
        said.append(f"{word}:{_span(begin, end)}" if begin is not None else f'{word}:"{value}"')
    if report.q:
        said.append(f"({report.q})" if dataset.listed else report.q)
    if dataset.listed:
        word = dataset.qualifiers[dataset.at]
        bounds = ((">=", first), ("<=", last))
        said += [f"{word}:{sign}{_moment(at)}" for sign, at in bounds if at is not None]
        return dataset.listed(" ".join(said))
    rows = replace(report, groups=(), measures=(), fields=[dataset.by_name[name] for name in dataset.usual], sort="",
                   q=" ".join(said), since=_iso(first), until=_iso(last))
    return f"{reverse('builder:report')}?{rows.query}"


def _stretch(group: Group, value: str) -> tuple[datetime, datetime]:
    """The first and the last moment of a step of time."""
    begin = datetime.fromisoformat(value)
    if group.bucket == "month":
        return begin, (begin.replace(day=1) + timedelta(days=32)).replace(day=1) - LAST
    return begin, begin + LENGTHS[group.bucket] - LAST


def _span(first: datetime, last: datetime) -> str:
    return f"{_moment(first)}..{_moment(last)}"


def _moment(at: datetime) -> str:
    """To the second, which the grammar of search takes whole."""
    return f"{at:%Y-%m-%dT%H:%M:%S}"


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.isoformat().replace("+00:00", "Z")
