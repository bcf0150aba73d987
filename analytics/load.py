"""How busy workers were, over time, and how long the oldest task waited."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.safestring import SafeString

from analytics import pictures
from analytics.ranges import Range
from analytics.readings import Named, Seen, over
from events.charts import PERCENT, SECONDS, Series, Unit, line

NAMES = ("workers", "busy", "oldest")


def read(asked: Range) -> list[SafeString]:
    """Both charts of a range."""
    return charts(asked, over(asked, NAMES))


def charts(asked: Range, found: dict[Named, list[Seen]]) -> list[SafeString]:
    """Both charts, of what was read: `found` holds at least NAMES, where they were seen."""
    workers, busy, oldest = (found.get((name, ""), [Seen() for _ in asked.starts]) for name in NAMES)

    def chart(key: str, title: str, name: str, unit: Unit, values: list[float | None]) -> SafeString:
        behind = pictures.links(asked)
        return line(key, asked.times, [Series(name, values, "1", area=True)], unit, title, links=behind).figure(
            title, pictures.note(asked))

    return [
        chart("use", "Workers at work", "Busy", PERCENT, _each(share, busy, workers)),
        chart("oldest", "Oldest waiting task", "Age", SECONDS, _each(highest, oldest)),
    ]


def share(busy: Seen, workers: Seen) -> float | None:
    """Of a hundred workers so many were at work; None where there were none."""
    return 100 * busy.total / workers.total if workers.total else None


def highest(seen: Seen) -> float | None:
    """The highest value; None where nothing was seen."""
    return seen.high if seen.count else None


def _each(of: Callable[..., float | None], *many: list[Seen]) -> list[float | None]:
    return [of(*step) for step in zip(*many, strict=True)]
