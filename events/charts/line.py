"""Lines over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from events.charts.pieces import (
    Axis,
    Chart,
    Series,
    empty,
    legend_of,
    look_of,
    names_of,
    plot,
    short,
    time_labels,
    told,
)
from events.charts.units import Unit


def line(key: str, times: Sequence[datetime], series: Sequence[Series], unit: Unit, label: str = "", *,
         high: float = 0.0, kind: str = "", links: Sequence[str] = ()) -> Chart:
    """Lines over times that are evenly apart, on an axis from zero to at least `high`. `kind`: "short" or "tall".
    `links`: where each time leads."""
    label = label or ", ".join(one.name for one in series)
    known = [value for one in series for value in one.values if value is not None]
    if not times or not known:
        return empty(key, label)
    axis = Axis.of(unit, min(0, *known, 0), max(*known, high, 0))
    inner, shapes, points = axis.markup, "", ""
    for turn, (place, text) in enumerate(sorted(time_labels(times).items())):
        also = ' class="alt"' if turn % 2 else ""
        x = short(_x(place, times))
        inner += f'<text{also} x="{x}%" y="100%" dy="18" text-anchor="middle">{escape(text)}</text>'
    for one in series:
        for spots in _runs(one, times, axis):
            path = "M" + " ".join(f"{short(x)} {short(y)}" for x, y in spots)
            if len(spots) == 1:
                points += f'<circle {look_of(one.look)} cx="{short(spots[0][0])}%" cy="{short(spots[0][1])}%" r="2.5"/>'
                continue
            if one.area:
                base = short(axis.y(max(axis.low, 0)))
                shapes += (f'<path class="area" {look_of(one.look)} d="{path} {short(spots[-1][0])} {base} '
                           f'{short(spots[0][0])} {base}z"/>')
            dash = ' class="dash"' if one.dashed else ""
            shapes += f'<path {look_of(one.look)}{dash} d="{path}"/>'
    inner += (f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" overflow="visible">'
              f"{shapes}</svg>{points}")
    tips, data = told(names_of(times), series, unit, label, links)
    return Chart(plot(key, label, kind, inner, tips, links), legend_of(series), data)


def _x(place: int, times: Sequence[datetime]) -> float:
    return place * 100 / (len(times) - 1) if len(times) > 1 else 50.0


def _runs(series: Series, times: Sequence[datetime], axis: Axis) -> list[list[tuple[float, float]]]:
    """The stretches of a series between its gaps, as positions."""
    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(series.values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((_x(place, times), axis.y(value)))
    return [run for run in runs if run]
