"""How many tasks ended when: the counts behind the charts, each stretch of time counted once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from tasks.models import Task
from tasks.states import TaskState

# For each range: how many columns, and how many seconds each is wide. Each width is made of whole ones of the finer.
RANGES = {"minute": (30, 2), "hour": (60, 60), "day": (48, 1800)}
WIDTHS = [width for _, width in RANGES.values()]
# A task writes when it ended shortly before others can see that: younger stretches are counted again.
GRACE = 20
ENDINGS = (TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELLED)
COUNT = """SELECT %s, state, COUNT(*) FROM {table} WHERE finished_at >= %s AND finished_at < %s GROUP BY state"""
# SQLite joins no more than 500.
MOST_COUNTS = 400

Counts = tuple[int, ...]
Stretch = tuple[int, int]  # its width, and when it begins, in seconds since the epoch
NONE: Counts = (0,) * len(ENDINGS)


@dataclass(frozen=True, slots=True)
class Column:
    """What ended in a stretch that begins at `start`."""

    start: datetime
    succeeded: int
    failed: int
    cancelled: int


class Ended:
    """Counts what ended in the last minute, hour and day. What lies behind is counted once and remembered, so a look
    costs one query of a few seconds of history, however much there is."""

    def __init__(self) -> None:
        self._kept: dict[Stretch, Counts] = {}

    def columns(self, now: float) -> dict[str, list[Column]]:
        """By the name of a range its columns, oldest first; the last one is not over yet."""
        shown = {name: [(width, (int(now) // width - back) * width) for back in range(number - 1, -1, -1)]
                 for name, (number, width) in RANGES.items()}
        leaves = {leaf for stretches in shown.values() for one in stretches for leaf in _leaves(one, now)}
        fresh = _counted(sorted(leaves - self._kept.keys()))
        known = self._kept | fresh
        found = {name: [_column(one, [known[leaf] for leaf in _leaves(one, now)]) for one in stretches]
                 for name, stretches in shown.items()}
        self._kept = {one: counts for one, counts in known.items() if one in leaves and _is_over(one, now)}
        return found


def ended_in(start: int, seconds: int) -> dict[str, int]:
    """How many succeeded, failed and were cancelled in the seconds from `start` (since the epoch) on."""
    stretch = (seconds, start)
    return {state.value: number for state, number in zip(ENDINGS, _counted([stretch])[stretch], strict=True)}


def _is_over(stretch: Stretch, now: float) -> bool:
    width, start = stretch
    return start + width <= now - GRACE


def _leaves(stretch: Stretch, now: float) -> list[Stretch]:
    """The stretches that one is summed from: itself when it is over, else finer ones."""
    width, start = stretch
    place = WIDTHS.index(width)
    if place == 0 or _is_over(stretch, now):
        return [stretch]
    finer = WIDTHS[place - 1]
    return [leaf for begin in range(start, min(start + width, int(now) + 1), finer)
            for leaf in _leaves((finer, begin), now)]


def _counted(stretches: list[Stretch]) -> dict[Stretch, Counts]:
    counted = dict.fromkeys(stretches, NONE)
    count = COUNT.format(table=connection.ops.quote_name(Task._meta.db_table))
    for first in range(0, len(stretches), MOST_COUNTS):
        part = stretches[first: first + MOST_COUNTS]
        values: list[object] = []
        for place, (width, start) in enumerate(part):
            values += [place, _bound(start), _bound(start + width)]
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join([count] * len(part)), values)
            for place, state, number in cursor.fetchall():
                if state in ENDINGS:
                    counts = list(counted[part[place]])
                    counts[ENDINGS.index(state)] = number
                    counted[part[place]] = tuple(counts)
    return counted


def _bound(moment: int) -> object:
    return connection.ops.adapt_datetimefield_value(datetime.fromtimestamp(moment, UTC))


def _column(stretch: Stretch, parts: list[Counts]) -> Column:
    return Column(datetime.fromtimestamp(stretch[1], UTC), *(sum(numbers) for numbers in zip(*parts, strict=True)))
