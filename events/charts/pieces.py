"""What every chart is made of: a plot with a read-out for each point, a legend and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from math import ceil

from django.utils.safestring import SafeString, mark_safe

from events.charts.units import Unit, number, ticks

Values = Sequence[float | None]
# Minutes of a day that a label may stand on, and how many labels there may be.
ROUND_MINUTES, MOST_LABELS = (1, 5, 10, 15, 30, 60, 180, 360, 720, 1440), 8


@dataclass(frozen=True)
class Series:
    """`look`: "1" to "5" for a series hue, or a state's own: "task:failed", "state:running"."""

    name: str
    values: Values
    look: str = "1"
    dashed: bool = False
    area: bool = False


@dataclass(frozen=True)
class Chart:
    """The markup of a chart's parts; it is safe to be shown as it is."""

    plot: str
    legend: str
    table: str

    def figure(self, title: str, note: str = "", level: int = 3) -> SafeString:
        """The whole figure, with its numbers as a table to unfold."""
        head = f"<h{level}>{escape(title)}</h{level}>{self.legend}" + (f"<p>{escape(note)}</p>" if note else "")
        data = ""
        if self.table:
            data = f'<details class="chart-data"><summary>Show the numbers</summary>{self.table}</details>'
        return mark_safe(f'<figure class="chart"><figcaption>{head}</figcaption>{self.plot}{data}</figure>')


@dataclass(frozen=True)
class Axis:
    """A scale from values to per cent from the top, and the markup of its grid, numbers and unit."""

    low: float
    high: float
    markup: str

    @classmethod
    def of(cls, unit: Unit, low: float, high: float) -> Axis:
        """The axis on which round numbers enclose `low` and `high`."""
        by, name = [(by, name) for start, by, name in unit.scales if max(abs(low), abs(high)) >= start][-1]
        marks = ticks(low / by, high / by, whole=unit.whole and by == 1)
        axis = cls(marks[0] * by, marks[-1] * by, "")
        base = 0 if axis.low <= 0 <= axis.high else marks[0]
        rows = f'<text class="unit" x="-40" y="-12">{escape(name)}</text>' if name else ""
        for mark in marks:
            place, kind = short(axis.y(mark * by)), "axis" if mark == base else "grid"
            rows += (f'<line class="{kind}" x1="0" x2="100%" y1="{place}%" y2="{place}%"/>'
                     f'<text x="-8" y="{place}%" dy=".32em" text-anchor="end">{number(mark)}</text>')
        return cls(axis.low, axis.high, rows)

    def y(self, value: float) -> float:
        """Where a value stands, in per cent from the top."""
        return 100 - (value - self.low) / (self.high - self.low) * 100


def short(value: float) -> str:
    """A position, with no more digits than can be seen."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def look_of(look: str) -> str:
    """The attribute that colours a series."""
    kind, _, name = look.rpartition(":")
    return f'data-{escape(kind or "series")}="{escape(name)}"'


def names_of(times: Sequence[datetime]) -> list[str]:
    """Each moment as its value is told; whole days without a time."""
    daily = all((time.hour, time.minute, time.second) == (0, 0, 0) for time in times)
    fine = any(time.second for time in times)
    clock = "" if daily else " %H:%M:%S" if fine else " %H:%M"
    return [f"{time.day} {time:%b}{time:{clock}}" if clock else f"{time.day} {time:%b}" for time in times]


def time_labels(times: Sequence[datetime]) -> dict[int, str]:
    """Where to write which label: on the finest round times of which there are not too many, else at both ends."""
    for minutes in ROUND_MINUTES:
        marks = {
            place: f"{time:%H:%M}" if time.hour or time.minute else f"{time.day} {time:%b}"
            for place, time in enumerate(times)
            if time.second == 0 and (time.hour * 60 + time.minute) % minutes == 0
        }
        if 2 <= len(marks) <= MOST_LABELS:
            return marks
    names = names_of(times)
    every = max(1, ceil(len(times) / MOST_LABELS))
    return {place: name for place, name in enumerate(names) if place % every == 0}


def legend_of(series: Sequence[Series]) -> str:
    """Which line is which; nothing for one alone."""
    if len(series) < 2:
        return ""
    rows = ""
    for one in series:
        dash = ' class="dash"' if one.dashed else ""
        mark = f'<svg aria-hidden="true"><line{dash} x1="0" x2="100%" y1="50%" y2="50%"/></svg>'
        rows += f"<li {look_of(one.look)}>{mark}{escape(one.name)}</li>"
    return f'<ul class="legend">{rows}</ul>'


def told(names: Sequence[str], series: Sequence[Series], unit: Unit, label: str, links: Sequence[str] = ()
         ) -> tuple[list[str], str]:
    """The same values twice: one sentence for each point, and the table, newest first, whose times are links."""
    tips, rows, targets = [], [], []
    for place, name in enumerate(names):
        values = [one.values[place] for one in series]
        said = [f"{one.name} {unit.show(value)}"
                for one, value in zip(series, values, strict=True) if value is not None]
        tips.append(f"{name}: {', '.join(said) or 'no data'}")
        if said:
            rows.append([name, *("–" if value is None else unit.show(value) for value in values)])
            targets.append(links[place] if links else "")
    return tips, table(["Time", *(one.name for one in series)], rows[::-1], label, targets[::-1])


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, links: Sequence[str] = ()) -> str:
    """A table whose first column names, and whose others are numbers; `links`: where the name of each row leads."""
    def cells(texts: Sequence[str], tag: str, more: str = "", link: str = "") -> str:
        number = (' class="num"' if place else "" for place in range(len(texts)))
        said = [escape(text) for text in texts]
        if link:
            said[0] = f'<a href="{escape(link)}">{said[0]}</a>'
        return "<tr>" + "".join(f"<{tag}{more}{kind}>{text}</{tag}>"
                                for text, kind in zip(said, number, strict=True)) + "</tr>"

    top = cells(head, "th", ' scope="col"')
    body = "".join(cells(row, "td", link=link) for row, link in zip(rows, links or [""] * len(rows), strict=True))
    return (f'<table class="table"><caption class="sr-only">{escape(caption)}</caption>'
            f"<thead>{top}</thead><tbody>{body}</tbody></table>")


def target(key: str, place: int, tip: str, links: Sequence[str] = ()) -> str:
    """What stands over a point: a radio for the arrow keys, and over that a link for the mouse where there is one. With
    the keyboard the same link is in the table."""
    link = f'<a href="{escape(links[place])}" tabindex="-1" aria-hidden="true"></a>' if links and links[place] else ""
    return (f'<li><label><input type="radio" name="{key}" id="{key}-{place}"/><span>{escape(tip)}</span></label>'
            f"{link}</li>")


def plot(key: str, label: str, kind: str, inner: str, tips: Sequence[str] = (), links: Sequence[str] = ()) -> str:
    """The picture, and over it one target for each tip. The first and the last point stand on the edges, so theirs are
    half as wide."""
    step, shift = (100 / (len(tips) - 1), 0.5) if len(tips) > 1 else (100, 0)
    for place, tip in enumerate(tips):
        inner += (f'<g class="hit"><title>{escape(tip)}</title><rect x="{short(max(0, (place - shift) * step))}%" '
                  f'width="{short(step)}%" height="100%"/></g>')
    points = "".join(target(key, place, tip, links) for place, tip in enumerate(tips))
    read = ""
    if points:
        edges = " edges" if len(tips) > 1 else ""
        legend = f'<legend class="sr-only">{escape(label)}: values, by arrow key</legend>'
        read = f'<fieldset class="points{edges}">{legend}<ol>{points}</ol></fieldset>'
    picture = f'<svg role="img" aria-label="{escape(label)}" width="100%" height="100%">{inner}</svg>'
    return f'<div class="plot{kind and " " + kind}">{picture}{read}</div>'


def empty(key: str, label: str) -> Chart:
    """What stands where there is nothing to draw."""
    inner = ('<line class="axis" x1="0" x2="100%" y1="100%" y2="100%"/>'
             '<text class="none" x="50%" y="50%" text-anchor="middle">No data in this period</text>')
    return Chart(plot(key, f"{label}: no data", "short", inner), "", "")
