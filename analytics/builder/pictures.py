"""A report as it is shown: its cells in words, and a chart where it has one."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.urls import NoReverseMatch, reverse

from analytics.builder.behind import LENGTHS as STEPS
from analytics.builder.behind import behind
from analytics.builder.datasets import BYTES, NUMBER, NUMBERS, SECONDS, TIME
from analytics.builder.definition import Definition, Group, Measured
from events.charts import BYTES as BYTES_UNIT
from events.charts import PERCENT as PERCENT_UNIT
from events.charts import SECONDS as SECONDS_UNIT
from events.charts import Series, Unit, count, line, plain
from events.charts.units import number
from events.times import iso

LONGEST = 120
# Charts have so many points at most, and so many lines.
MOST_POINTS, MOST_LINES = 400, 4


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` for people; `share`: of the largest value of its column, in per cent, where that is drawn; `link`: where
    it leads, of a group the rows behind it."""

    text: str
    is_number: bool = False
    share: float | None = None
    link: str = ""


def cells(report: Definition, rows: list[list[Any]]) -> list[list[Cell]]:
    """The rows in words. The first measure of a report by groups is drawn beside its numbers."""
    drawn = next((place for place, head in enumerate(report.heads) if isinstance(head, Measured)), None) \
        if report.groups and not report.groups[0].bucket else None  # fmt: skip
    largest = max((row[drawn] or 0 for row in rows), default=0) if drawn is not None else 0
    found = [[_cell(report, place, value, 100 * (value or 0) / largest if place == drawn and largest > 0 else None)
              for place, value in enumerate(row)] for row in rows]
    if report.groups:
        for shown, row in zip(found, rows, strict=True):
            shown[0] = replace(shown[0], link=behind(report, row[:len(report.groups)]))
    return found


def heads(report: Definition) -> list[tuple[Any, bool]]:
    """Its columns, and whether each holds numbers."""
    return [(one, isinstance(one, Measured) or (not isinstance(one, Group) and one.kind in NUMBERS))
            for one in report.heads]


def chart(report: Definition, rows: list[list[Any]]) -> str:
    """Lines over time, where the only grouping is a time in even steps; a line for each measure of the first's kind."""
    step = STEPS.get(report.groups[0].bucket) if len(report.groups) == 1 else None
    dated = sorted((datetime.fromisoformat(row[0]), row) for row in rows if row[0] is not None) if step else []
    if len(dated) < 2:
        return ""
    times = [dated[0][0]]
    while times[-1] < dated[-1][0] and len(times) <= MOST_POINTS:
        times.append(times[-1] + step)
    if len(times) > MOST_POINTS:
        return ""
    by_time = dict(dated)
    unit = _unit(report.measures[0])
    series = []
    for place, one in enumerate(report.measures, 1):
        if _unit(one) is unit or _unit(one) == unit:
            nothing = 0 if one.name == "count" else None
            values = [by_time[at][place] if at in by_time else nothing for at in times]
            series.append(Series(one.label, values, str(len(series) + 1), dashed=bool(series)))
    links = [behind(report, [iso(at)]) for at in times]
    made = line("report", times, series[:MOST_LINES], unit, report.title, links=links if all(links) else ())
    return made.figure(report.title, f"{times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}, UTC")


def _unit(one: Measured) -> Unit:
    if one.name == "count":
        return COUNT
    if one.name == "failure_rate":
        return PERCENT_UNIT
    return {SECONDS: SECONDS_UNIT, BYTES: BYTES_UNIT}.get(one.kind, PLAIN)


COUNT, PLAIN = count("rows"), plain("")


def _cell(report: Definition, place: int, value: Any, share: float | None) -> Cell:
    head = report.heads[place]
    kind = head.column.kind if isinstance(head, Group) else head.kind
    if value is None:
        return Cell("–", kind in NUMBERS)
    if isinstance(head, Measured):
        return Cell(_unit(head).show(value), True, share)
    if kind == TIME:
        text = value[:19].replace("T", " ")
        return Cell(text[:10] if isinstance(head, Group) and head.bucket not in ("", "hour") else text)
    if kind == SECONDS:
        return Cell(SECONDS_UNIT.show(value), True)
    if kind == BYTES:
        return Cell(BYTES_UNIT.show(value), True)
    if kind == NUMBER:
        return Cell(number(value), True)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Cell(text if len(text) <= LONGEST else f"{text[:LONGEST - 1]}…", link=_link(report, head.name, value))


def _link(report: Definition, name: str, value: Any) -> str:
    """Where a row's id leads."""
    page = {("tasks", "id"): "tasks:detail", ("attempts", "task"): "tasks:detail", ("events", "id"): "events:detail",
            ("projects", "id"): "projects:detail"}.get((report.dataset.name, name))
    try:
        return reverse(page, args=[value]) if page else ""
    except NoReverseMatch:
        return ""
