"""Stacked columns over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from events.charts.pieces import Axis, Chart, Series, empty, look_of, names_of, short, target, time_labels, told
from events.charts.units import Unit

# A column takes so much of its place, and leaves so much before it.
WIDTH, MARGIN = 0.72, 0.14


def bars(key: str, times: Sequence[datetime], series: Sequence[Series], unit: Unit, label: str = "", *,
         kind: str = "", links: Sequence[str] = ()) -> Chart:
    """Columns that begin at times evenly apart; the first series stands on the base line. `kind`: "short" or "tall".
    `links`: where each column leads."""
    label = label or ", ".join(one.name for one in series)
    if not times or all(value is None for one in series for value in one.values):
        return empty(key, label)
    wide = 100 / len(times)
    sums = [sum(one.values[place] or 0 for one in series) for place in range(len(times))]
    axis = Axis.of(unit, 0, max(sums))
    inner = axis.markup
    for turn, (place, text) in enumerate(sorted(time_labels(times).items())):
        also = ' class="alt"' if turn % 2 else ""
        x = short((place + 0.5) * wide)
        inner += f'<text{also} x="{x}%" y="100%" dy="18" text-anchor="middle">{escape(text)}</text>'
    for place in range(len(times)):
        base = 0.0
        for one in series:
            value = one.values[place] or 0
            if value > 0:
                top = axis.y(base + value)
                inner += (f'<rect class="bar" {look_of(one.look)} x="{short((place + MARGIN) * wide)}%" '
                          f'y="{short(top)}%" width="{short(wide * WIDTH)}%" height="{short(axis.y(base) - top)}%"/>')
            base += value
    tips, data = told(names_of(times), series, unit, label, links)
    return Chart(_plot(key, label, kind, inner, tips, links), _legend(series), data)


def _plot(key: str, label: str, kind: str, inner: str, tips: Sequence[str], links: Sequence[str]) -> str:
    """The picture, and over it one target for each column: each has its whole place, also those at the edges."""
    wide, points = 100 / len(tips), ""
    for place, tip in enumerate(tips):
        said = escape(tip)
        inner += (f'<g class="hit"><title>{said}</title><rect x="{short(place * wide)}%" width="{short(wide)}%" '
                  f'height="100%"/></g>')
        points += target(key, place, tip, links)
    return (f'<div class="plot{kind and " " + kind}"><svg role="img" aria-label="{escape(label)}" width="100%" '
            f'height="100%">{inner}</svg><fieldset class="points"><legend class="sr-only">{escape(label)}: values, '
            f'by arrow key</legend><ol>{points}</ol></fieldset></div>')


def _legend(series: Sequence[Series]) -> str:
    if len(series) < 2:
        return ""
    mark = '<svg aria-hidden="true"><rect width="100%" height="100%" rx="2"/></svg>'
    rows = "".join(f"<li {look_of(one.look)}>{mark}{escape(one.name)}</li>" for one in series)
    return f'<ul class="legend">{rows}</ul>'
