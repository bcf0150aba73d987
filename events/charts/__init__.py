"""Charts as inline SVG, rendered on the server: no script, no style attribute, so a strict content policy holds.

    chart = line("cpu", times, [Series("web", shares), Series("worker", others, "3", dashed=True)], PERCENT)
    page = chart.figure("Processor", "One core is 100 %")

Beside lines there are `bars` over time, `control` and `ranks` by name, and `heat` by two names.

Positions are in per cent, so text keeps its size at every width. A None is a gap, never a zero. Each point has a
<title>, and a radio over the plot: one tab stop, arrow keys walk through the values, hover and touch show them too; a
table stands beneath. `key` must be unique on the page and stable between polls, so that focus survives a swap. Text is
escaped here.
"""

from events.charts.bars import bars
from events.charts.control import control
from events.charts.heat import heat
from events.charts.line import line
from events.charts.pieces import Chart, Series
from events.charts.ranks import ranks
from events.charts.units import BYTES, BYTES_A_SECOND, PERCENT, SECONDS, Unit, count, plain

__all__ = [
    "BYTES", "BYTES_A_SECOND", "PERCENT", "SECONDS", "Chart", "Series", "Unit", "bars", "control", "count", "heat",
    "line", "plain", "ranks",
]  # fmt: skip
