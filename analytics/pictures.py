"""Charts of totals over time."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import SafeString

from analytics.measures import MEASURES, TASKS, Measure, Total
from analytics.models import DAY
from analytics.queries import EVERYTHING, Slice
from analytics.ranges import STEPS, Range, at, ended_in, tasks_url
from events.charts import Series, bars, line
from events.charts.units import Unit

QUALIFIERS = {"all": "", "job": "job", "lane": "lane", "priority": "priority", "project": "project", "worker": "worker"}
POINTS = {"minute": "A point a minute", "5m": "A point every 5 min", "15m": "A point every 15 min",
          "hour": "A point an hour", "6h": "A point every 6 h", "day": "A point a day",
          "week": "A point a week, from Monday"}
ENDINGS = (("succeeded", "Succeeded"), ("failed", "Failed"), ("cancelled", "Cancelled"))


def query_of(of: Slice) -> str:
    """The tasks of a slice, as the grammar of search says it."""
    parts = []
    if of.dimension == "operation":
        project, _, job = of.key.partition("/")
        parts += [f"project:{project}", f'job:"{job}"']
    elif of.dimension != "all" and of.key:
        parts.append(f'{QUALIFIERS[of.dimension]}:"{of.key}"')
    if of.states:
        parts.append(f"state:{','.join(of.states)}")
    return " ".join(parts)


def links(asked: Range, of: Slice = EVERYTHING, more: str = "") -> list[str]:
    """The address of the tasks behind each step."""
    which = " ".join(filter(None, (query_of(of), more)))
    return [tasks_url(f"{which} {ended_in(start, start + asked.step)}".strip()) for start in asked.starts]


def tasks_of(of: Slice, asked: Range) -> str:
    """The address of all of them in a range."""
    return tasks_url(f"{query_of(of)} {ended_in(asked.begin, asked.end)}".strip())


def a_point(asked: Range) -> str:
    """What a point of a chart stands for."""
    return POINTS[next(name for name, step in STEPS.items() if step == asked.step)]


def note(asked: Range) -> str:
    """What is said under the title of a chart."""
    return f"{span(asked)}. {a_point(asked)}."


def span(asked: Range) -> str:
    """A range in words, from its first moment to its last."""
    first, last = at(asked.begin), at(asked.end - 1)
    if asked.step >= DAY:
        return f"{first.day} {first:%b %Y} to {last.day} {last:%b %Y}, UTC"
    return f"{first.day} {first:%b %H:%M} to {last.day} {last:%b %H:%M}, UTC"


def ended(key: str, asked: Range, totals: Sequence[Total], of: Slice = EVERYTHING, title: str = "Tasks that ended"
          ) -> SafeString:
    """Columns: how many ended in each state."""
    series = [Series(label, [total.states.get(state, 0) for total in totals], f"task:{state}")
              for state, label in ENDINGS if not of.states or state in of.states]
    return bars(key, asked.times, series, TASKS, title, links=links(asked, of)).figure(title, note(asked))


def lines(key: str, title: str, asked: Range, measures: Sequence[str], totals: Sequence[Total],
          of: Slice = EVERYTHING, *, more: str = "", names: Sequence[str] = ()) -> SafeString:
    """One line for each measure, which have the same unit."""
    chosen = [MEASURES[name] for name in measures]
    series = [Series(name, values(one, totals), str(place)) for place, (one, name) in
              enumerate(zip(chosen, names or [one.label for one in chosen], strict=True), 1)]
    return line(key, asked.times, series, chosen[0].unit, title, links=links(asked, of, more)).figure(
        title, note(asked))


def compared(key: str, measure: Measure, asked: Range, now: Sequence[Total], before: Sequence[Total],
             of: Slice = EVERYTHING, *, level: int = 2, title: str = "") -> SafeString:
    """One measure, and what it was in the period before."""
    series = [Series(measure.label, values(measure, now), "1", area=True),
              Series("Period before", values(measure, before)[: len(now)], "5", dashed=True)]
    kind = "tall" if level == 2 else ""
    return line(key, asked.times, series, measure.unit, measure.label, kind=kind, links=links(asked, of)).figure(
        title or measure.label, note(asked), level)


def values(measure: Measure, totals: Sequence[Total]) -> list[float | None]:
    """The measure of each total; None where nothing ended, unless it counts."""
    return [measure.of(total) for total in totals]


def shown(unit: Unit, value: float | None) -> str:
    """A value in words; a dash for none."""
    return "–" if value is None else unit.show(value)
