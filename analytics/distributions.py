"""The tab of distributions: how tasks are spread over states, lanes, priorities, workers and the hours of a week."""

from __future__ import annotations

from calendar import day_name
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.safestring import SafeString

from analytics import pictures
from analytics.asked import Asked
from analytics.measures import MEASURES, TASKS, lengths
from analytics.models import HOUR
from analytics.queries import STATE, Slice, breakdown, hours_of_week
from analytics.ranges import MONDAY, WEEK, Range, at, cover, ended_in, tasks_url
from analytics.rollups import KEPT, first_kept
from events.charts import Series, heat, ranks
from tasks.states import TaskState

SHOWN = ((STATE, "By state", "State"), ("lane", "By lane", "Lane"), ("priority", "By priority", "Priority"),
         ("worker", "By worker", "Worker"))
MOST = 12
HOURS = [f"{hour:02}:00" for hour in range(24)]


def figures(asked: Asked, now: datetime) -> dict[str, Any]:
    """The context of `analytics/_distributions.html`."""
    charts = [_ranked(asked.range, now, *each) for each in SHOWN]
    return {"charts": charts, "heat": _week(asked.range, now), "hours_for": KEPT[HOUR]}


def _ranked(asked: Range, now: datetime, dimension: str, title: str, what: str) -> SafeString:
    totals, number = breakdown(cover(at(asked.begin), at(asked.end), now), dimension, spreads=["run"], most=MOST)
    keys = sorted(totals, key=int, reverse=True) if dimension == "priority" else list(totals)
    names, links, notes = [], [], []
    for key in keys:
        total, is_state = totals[key], dimension == STATE
        rate, half = MEASURES["failure_rate"], lengths(total, "run")["p50"]
        failed = "" if is_state else f"{pictures.shown(rate.unit, rate.of(total))} failed, "
        notes.append(f"{failed}half ran {pictures.shown(MEASURES['run_p50'].unit, half)} at most" if half is not None
                     else "none began")
        names.append(TaskState(key).label if is_state else key or "none")
        of = Slice(states=(key,)) if is_state else Slice(dimension, key)
        links.append(pictures.tasks_of(of, asked) if key else "")
    chart = ranks(f"by-{dimension}", names, Series("Tasks", [totals[key].all.count for key in keys]), TASKS,
                  first=what, links=links, notes=notes,
                  looks=[f"task:{key}" for key in keys] if dimension == STATE else ())
    more = f" The {len(keys)} with most of {number}." if number > len(keys) else ""
    return chart.figure(title, f"{pictures.span(asked)}.{more}")


def _week(asked: Range, now: datetime) -> SafeString | None:
    """The heat map; None where no hours are kept any more."""
    begin = max(asked.begin, first_kept(HOUR, now)) // HOUR * HOUR
    if begin >= asked.end:
        return None
    cells = hours_of_week(Q(start__gte=begin, start__lt=asked.end))
    values = [[float(cells[day * 24 + hour][0]) for hour in range(24)] for day in range(7)]
    notes = [[f"{cells[day * 24 + hour][1]:,} failed" for hour in range(24)] for day in range(7)]
    links = [[_hours(day * 24 + hour, begin, asked.end) if values[day][hour] else "" for hour in range(24)]
             for day in range(7)]
    chart = heat("week", list(day_name), HOURS, values, TASKS, "Tasks that ended, by hour of the week", first="Day",
                 links=links, notes=notes)
    return chart.figure("By hour of the week", f"{at(begin).day} {at(begin):%b %Y} to {at(asked.end - 1).day} "
                                               f"{at(asked.end - 1):%b %Y}; days and hours in UTC.")


def _hours(hour: int, begin: int, end: int) -> str:
    """The address of the tasks that ended in that hour of any week of a range."""
    first = (begin - MONDAY) // WEEK * WEEK + MONDAY + hour * HOUR
    every = [ended_in(start, start + HOUR) for start in range(first, end, WEEK) if start >= begin]
    return tasks_url(" OR ".join(every))
