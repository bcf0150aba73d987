"""How much where: a grid of cells, darker where there is more."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil

from events.charts.pieces import Chart, empty, short, table, target
from events.charts.units import Unit

SHADES = 5
# Every so many columns one is named.
EVERY = 3


def heat(key: str, rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]], unit: Unit,
         label: str, *, first: str = "Row", links: Sequence[Sequence[str]] = (),
         notes: Sequence[Sequence[str]] = ()) -> Chart:
    """A cell for each row and column. `notes` say more of each, `links` where it leads; `first` names the rows in the
    table's head."""
    most = max((value for row in values for value in row), default=0)
    if not most:
        return empty(key, label)
    wide, high, inner, points, place = 100 / len(columns), 100 / len(rows), "", "", 0
    targets = [link for row in links for link in row]
    for y, name in enumerate(rows):
        inner += (f'<text x="-8" y="{short((y + 0.5) * high)}%" dy=".32em" text-anchor="end">{escape(name[:3])}</text>')
        for x, column in enumerate(columns):
            value = values[y][x]
            more = f", {notes[y][x]}" if notes and notes[y][x] else ""
            inner += (f'<rect class="cell" data-heat="{shade(value, most)}" x="{short(x * wide)}%" '
                      f'y="{short(y * high)}%" width="{short(wide)}%" height="{short(high)}%"/>')
            points += target(key, place, f"{name} {column}: {unit.show(value)}{more}", targets)
            place += 1
    for x in range(0, len(columns), EVERY):
        also = ' class="alt"' if x // EVERY % 2 else ""
        inner += f'<text{also} x="{short(x * wide)}%" y="100%" dy="18">{escape(columns[x])}</text>'
    plot = (f'<div class="plot heat"><svg role="img" aria-label="{escape(label)}" width="100%" height="100%">{inner}'
            f'</svg><fieldset class="points"><legend class="sr-only">{escape(label)}: values, by arrow key</legend>'
            f"<ol>{points}</ol></fieldset></div>")
    body = [[name, *(unit.show(value) for value in row)] for name, row in zip(rows, values, strict=True)]
    return Chart(plot, _legend(most, unit), table([first, *columns], body, label))


def shade(value: float, most: float) -> int:
    """How dark a cell is: 0 for nothing, else 1 to 5."""
    return 0 if value <= 0 else min(SHADES, ceil(SHADES * value / most))


def _legend(most: float, unit: Unit) -> str:
    def cell(level: int, said: str) -> str:
        return (f'<li><svg aria-hidden="true"><rect class="cell" data-heat="{level}" width="100%" height="100%"/></svg>'
                f"{escape(said)}</li>")

    return (f'<ul class="legend">{cell(0, "none")}{cell(1, f"up to {unit.show(most / SHADES)}")}'
            f"{cell(SHADES, f'up to {unit.show(most)}')}</ul>")
