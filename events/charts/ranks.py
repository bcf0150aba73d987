"""Bars by name, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from events.charts.pieces import Chart, Series, empty, look_of, short, table, target
from events.charts.units import Unit

# Pixels of a row, and of its bar; characters of a name at most, and of one that needs little room.
ROW, BAR, NAME, SHORT = 28, 16, 20, 11


def ranks(key: str, names: Sequence[str], series: Series, unit: Unit, *, first: str = "Name",
          links: Sequence[str] = (), notes: Sequence[str] = (), looks: Sequence[str] = ()) -> Chart:
    """A bar for each name. `notes` say more of each, `links` where it leads, `looks` how it is coloured; `first` is
    what the names are, in the table's head."""
    most = max((value or 0 for value in series.values), default=0)
    if not most:
        return empty(key, series.name)
    inner, points = "", ""
    for place, (name, value) in enumerate(zip(names, series.values, strict=True)):
        middle, said = place * ROW + ROW // 2, unit.show(value or 0)
        wide = short(100 * (value or 0) / most)
        look = look_of(looks[place] if looks else series.look)
        shown = name if len(name) <= NAME else f"{name[: NAME - 1]}…"
        inner += (f'<text class="cat" x="-10" y="{middle}" dy=".32em" text-anchor="end">{escape(shown)}</text>'
                  f'<rect class="bar" {look} x="0" y="{middle - BAR // 2}" width="{wide}%" height="{BAR}"/>'
                  f'<text class="val" x="{wide}%" y="{middle}" dx="6" dy=".32em">{escape(said)}</text>')
        more = f", {notes[place]}" if notes and notes[place] else ""
        points += target(key, place, f"{name}: {said}{more}", links)
    kind = "names wide" if any(len(name) > SHORT for name in names) else "names"
    plot = (f'<div class="plot {kind}"><svg role="img" aria-label="{escape(series.name)}" width="100%" '
            f'height="{len(names) * ROW}">{inner}</svg><fieldset class="points"><legend class="sr-only">'
            f"{escape(series.name)}: values, by arrow key</legend><ol>{points}</ol></fieldset></div>")
    rows = [[name, unit.show(value or 0), *([notes[place]] if notes else [])]
            for place, (name, value) in enumerate(zip(names, series.values, strict=True))]
    head = [first, series.name, *(["More"] if notes else [])]
    return Chart(plot, "", table(head, rows, series.name, links))
