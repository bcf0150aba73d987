"""Control charts: values by name, with the limits of their usual spread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from events.charts.pieces import Axis, Chart, Series, empty, legend_of, look_of, plot, short, table
from events.charts.units import Unit, number

# Names of limits keep this distance, in per cent of the height, so that they can be read.
APART = 9
MOST_LABELS = 7


def control(key: str, names: Sequence[str], series: Series, unit: Unit, *,
            limits: tuple[float, float, float] | None = None, outs: Collection[int] = (), first: str = "Name") -> Chart:
    """One series, a point for each name. `limits`: lower, mean and upper line; `outs`: the points that are filled,
    because they tell of more than chance. A None is a gap. `first`: what the names are, in the table's head."""
    known = [value for value in series.values if value is not None]
    if not known:
        return empty(key, series.name)
    reach = [*known, *(limits or ())]
    axis = Axis.of(unit, min(0, *reach), max(0, *reach))
    wide = 100 / (len(names) - 1) if len(names) > 1 else 0
    inner = axis.markup
    every = max(1, -(-len(names) // MOST_LABELS))
    for place in range(0, len(names), every):
        also = ' class="alt"' if place // every % 2 else ""
        inner += (f'<text{also} x="{short(place * wide if wide else 50)}%" y="100%" dy="18" text-anchor="middle">'
                  f"{escape(_cut(names[place]))}</text>")
    shapes = ""
    if limits:
        lower, _, upper = limits
        shapes += f'<path class="band" d="M0 {short(axis.y(upper))}H100V{short(axis.y(lower))}H0z"/>'
        inner += _rules(axis, limits)
    run: list[str] = []
    points = ""
    for place, value in enumerate([*series.values, None]):
        if value is None:
            if len(run) > 1:
                shapes += f'<path {look_of(series.look)} d="M{" ".join(run)}"/>'
            run = []
            continue
        x, y = short(place * wide if wide else 50), short(axis.y(value))
        run.append(f"{x} {y}")
        out = ' class="out"' if place in outs else ""
        points += f'<circle {look_of(series.look)}{out} cx="{x}%" cy="{y}%" r="3.5"/>'
    inner += (f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" overflow="visible">'
              f"{shapes}</svg>{points}")
    tips = [f"{name}: {'no value' if value is None else unit.show(value)}"
            for name, value in zip(names, series.values, strict=True)]
    rows = [[name, "–" if value is None else unit.show(value)]
            for name, value in zip(names, series.values, strict=True)]
    kind = "gutter" if limits else ""
    return Chart(plot(key, series.name, kind, inner, tips), legend_of([series]),
                 table([first, series.name], rows[::-1], series.name))


def _rules(axis: Axis, limits: tuple[float, float, float]) -> str:
    markup, lowest = "", 200.0
    for value, label, kind in zip(limits, ("lower", "mean", "upper"), ("limit", "mean", "limit"), strict=True):
        lowest = min(axis.y(value), lowest - APART)
        place = short(axis.y(value))
        markup += (f'<line class="{kind}" x1="0" x2="100%" y1="{place}%" y2="{place}%"/>'
                   f'<text class="note rule" x="100%" y="{short(lowest)}%" dy=".32em">{label} {number(value)}</text>')
    return markup


def _cut(name: str) -> str:
    return name if len(name) <= 10 else f"{name[:9]}…"
