"""Ranges of time that are asked for, and the steps that they are shown in. All of it in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Q

from analytics.errors import BadQuestion
from analytics.models import DAY, HOUR, MINUTE, QUARTER
from analytics.rollups import KEPT, WIDTHS, first_kept
from events import moments

WEEK = 7 * DAY
# Weeks begin on Monday; the epoch was a Thursday.
MONDAY = 4 * DAY
STEPS = {"minute": MINUTE, "5m": 300, "15m": QUARTER, "hour": HOUR, "6h": 6 * HOUR, "day": DAY, "week": WEEK}
NAMED = {"1h": "Hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days", "365d": "Year"}
USUAL = "24h"
WIDTHS_SAID = {MINUTE: "Minutes", QUARTER: "Quarters of an hour", HOUR: "Hours"}
MOST_POINTS = 2000
# A chart has room for so many.
SHOWN_POINTS = 100
LONGEST = timedelta(days=366 * 30)


@dataclass(frozen=True, slots=True)
class Range:
    """From `begin` on and before `end` (seconds since the epoch), in steps of so many seconds."""

    begin: int
    end: int
    step: int

    @property
    def starts(self) -> range:
        """When each step begins."""
        return range(self.begin, self.end, self.step)

    @property
    def times(self) -> list[datetime]:
        """The same as moments."""
        return [at(start) for start in self.starts]

    @property
    def width(self) -> int:
        """The widest buckets that its steps are made of."""
        return max(width for width in WIDTHS if self.step % width == 0)

    @property
    def before(self) -> Range:
        """The one of the same length before it."""
        return Range(2 * self.begin - self.end, self.begin, self.step)

    @property
    def condition(self) -> Q:
        """Of the buckets that its steps are made of."""
        return Q(width=self.width, start__gte=self.begin, start__lt=self.end)


@dataclass(frozen=True, slots=True)
class Cover:
    """From `begin` on and before `end`, in `pieces`: conditions on buckets, each for itself, because together no index
    would help."""

    begin: int
    end: int
    pieces: tuple[Q, ...]


def at(seconds: int) -> datetime:
    """The moment so many seconds after the epoch."""
    return datetime.fromtimestamp(seconds, UTC)


def asked(since: str, until: str, now: datetime, step: str = "", *, usual: str = USUAL,
          most: int = SHOWN_POINTS) -> Range:
    """The range between two moments as people name them, whole steps at both ends. Without a step it is the finest
    that is kept and gives no more than `most` points. Raises BadMoment and BadQuestion."""
    begin, end = moments.period(since or usual, until)
    end = min(end or now, now)
    if begin >= end:
        raise BadQuestion("The range is empty: it begins when it ends, or in the future.", "since",
                          "Use a since that is before until, such as 24h or 2026-11-01.")
    if now - begin > LONGEST:
        raise BadQuestion("The range is longer than thirty years.", "since", "Use a later since.")
    if step and step not in STEPS:
        raise BadQuestion(f"There is no step {step[:20]!r}.", "step", f"Use one of {', '.join(STEPS)}.")
    if not step:
        return next(found for width in STEPS.values()
                    if (found := _aligned(begin, end, width)) and _is_kept(found, now)
                    and (len(found.starts) <= most or width == WEEK))
    found = _aligned(begin, end, STEPS[step])
    if not _is_kept(found, now):
        finest = next(name for name, width in STEPS.items() if _is_kept(_aligned(begin, end, width), now))
        raise BadQuestion(f"{WIDTHS_SAID[found.width]} are kept for {KEPT[found.width]} days, and this range begins "
                          "before.", "step",
                          f"Use step={finest}, or a later since.")
    if len(found.starts) > MOST_POINTS:
        raise BadQuestion(f"These are {len(found.starts):,} points; {MOST_POINTS:,} are the most.", "step",
                          "Use a longer step or a shorter range.")
    return found


def cover(begin: datetime, end: datetime, now: datetime) -> Cover:
    """The fewest buckets that hold a range: whole minutes at its ends, or whole hours or days where no minutes are kept
    any more."""
    finest = next(width for width in WIDTHS if width not in KEPT or begin.timestamp() >= first_kept(width, now))
    first = int(begin.timestamp()) // finest * finest
    last = -(-int(end.timestamp()) // finest) * finest
    pieces, low, high = [], first, last
    for width in WIDTHS[WIDTHS.index(finest):]:
        wider = next((each for each in WIDTHS if each > width), 0)
        inner_low, inner_high = (-(-low // wider) * wider, high // wider * wider) if wider else (low, low)
        if inner_low >= inner_high:  # not one whole bucket of the next width is in it
            pieces.append((width, low, high))
            break
        pieces += [(width, *ends) for ends in ((low, inner_low), (inner_high, high)) if ends[0] < ends[1]]
        low, high = inner_low, inner_high
    return Cover(first, last, tuple(Q(width=width, start__gte=low, start__lt=high) for width, low, high in pieces))


def ended_in(begin: int, end: int) -> str:
    """As the grammar of search says it: ended from one moment on and before another, both whole minutes."""
    if begin % DAY == 0 and end % DAY == 0:
        first, last = f"{at(begin):%Y-%m-%d}", f"{at(end - 1):%Y-%m-%d}"
    else:
        first, last = f"{at(begin):%Y-%m-%dT%H:%M}", f"{at(end - 1):%Y-%m-%dT%H:%M}"
    return f"ended:{first}" if first == last else f"ended:{first}..{last}"


def tasks_url(query: str) -> str:
    """The address of the list of tasks that a query finds; it is mounted at /tasks/."""
    return f"/tasks/?{urlencode({'q': query})}"


def _aligned(begin: datetime, end: datetime, step: int) -> Range:
    offset = MONDAY if step == WEEK else 0
    first = (int(begin.timestamp()) - offset) // step * step + offset
    last = -((offset - int(-(-end.timestamp() // 1))) // step) * step + offset
    return Range(first, last, step)


def _is_kept(found: Range, now: datetime) -> bool:
    return found.width not in KEPT or found.begin >= first_kept(found.width, now)
