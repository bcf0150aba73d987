"""When a schedule runs.

A cron expression means the clock on the wall of its time zone. Where that clock jumps:

- A time that is left out (spring) runs once, at the first moment after the gap.
- A time that comes twice (autumn) runs the first time only. When the hour field begins with `*` the schedule follows
  real time instead, through both hours: "every 15 minutes" stays every 15 minutes.

An interval is a length of real time, and knows no time zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadDateError, CroniterError, croniter

SHORTEST, LONGEST = 1, 366 * 86400
UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
UNIT_WORDS = ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
ALIASES = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
# croniter also reads `h` and `r`, a hashed and a random number: a schedule must mean the same at every look.
NAMES = re.compile(r"(?i)jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat|l")


class Unreadable(ValueError):
    """A text that is no time of that kind. `message` is for the user; `field`: cron, interval, zone or at."""

    def __init__(self, message: str, field: str):
        super().__init__(message)
        self.message, self.field = message, field


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Either `cron`, five fields in the time zone `zone`, or `every`, seconds."""

    cron: str = ""
    every: int | None = None
    zone: str = "UTC"

    def after(self, moment: datetime, anchor: datetime | None = None) -> datetime:
        """The first time after a moment, in UTC. An interval counts from `anchor`, by default that moment."""
        return next(self._from(moment, anchor))

    def following(self, moment: datetime, count: int, anchor: datetime | None = None) -> list[datetime]:
        """The next times after a moment, in UTC; fewer than `count` when there are no more."""
        return list(islice(self._from(moment, anchor), count))

    def words(self) -> str:
        """`every 15 minutes`, or the cron expression."""
        if self.every is None:
            return self.cron
        size, word = next((size, word) for size, word in UNIT_WORDS if self.every % size == 0)
        number = self.every // size
        return f"every {word}" if number == 1 else f"every {number} {word}s"

    def _from(self, moment: datetime, anchor: datetime | None) -> Iterator[datetime]:
        if self.every is not None:
            yield from self._intervals(moment, anchor or moment)
            return
        expression = ALIASES.get(self.cron.lower(), self.cron)
        both = expression.split()[1].startswith("*")
        times = croniter(expression, moment.astimezone(ZoneInfo(self.zone)))
        try:
            while True:
                wall = times.get_next(datetime)
                if both or not wall.fold:
                    yield wall.astimezone(UTC)
        except CroniterBadDateError:  # none within the next fifty years
            return

    def _intervals(self, moment: datetime, anchor: datetime) -> Iterator[datetime]:
        length = timedelta(seconds=self.every)
        # Nothing missed is made up for: the next one is the first after the moment, in step with the anchor.
        time = anchor + max(0, (moment - anchor) // length + 1) * length
        while True:
            yield time.astimezone(UTC)
            time += length


def read_cron(text: str) -> str:
    """A cron expression, checked, with single spaces. Raises Unreadable."""
    text = " ".join(text.split())
    if text.lower() in ALIASES:
        return text.lower()
    fields = text.split(" ")
    if len(text) > 100 or len(fields) != len(FIELDS) or not text:
        raise Unreadable("A cron expression has five fields: minute, hour, day of the month, month, day of the week; "
                         "such as “30 4 * * mon-fri”.", "cron")  # fmt: skip
    for name, field in zip(FIELDS, fields, strict=True):
        if not re.fullmatch(r"[0-9*,/#?-]+", NAMES.sub("1", field)):
            raise Unreadable(f"The {name} of the cron expression is {field!r}, which cannot be read.", "cron")
    try:
        croniter(text)
    except CroniterError as error:
        raise Unreadable(f"The cron expression {_culprit(fields)} cannot be read: {error}.", "cron") from None
    if not Rhythm(cron=text).following(datetime.now(UTC), 1):
        raise Unreadable("The cron expression names a day that never comes.", "cron")
    return text


def read_interval(text: str) -> int:
    """Seconds from `90`, `90s`, `15m`, `2h`, `1d` or `1w`. Raises Unreadable."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if not match or match[2] not in UNITS:
        raise Unreadable(f"The interval {text[:40]!r} cannot be read: write such as 90s, 15m, 2h or 1d.", "interval")
    seconds = float(match[1]) * UNITS[match[2]]
    if seconds < SHORTEST:
        raise Unreadable("The interval must be at least 1 second.", "interval")
    if seconds > LONGEST or seconds != int(seconds):
        raise Unreadable("The interval must be whole seconds, and at most 366 days.", "interval")
    return int(seconds)


def written(every: int) -> str:
    """An interval as `read_interval` reads it: `15m`."""
    for unit in ("w", "d", "h", "m"):
        if every % UNITS[unit] == 0:
            return f"{every // UNITS[unit]}{unit}"
    return f"{every}s"


def read_zone(text: str) -> str:
    """The name of a time zone. Raises Unreadable."""
    text = text.strip()
    if text not in available_timezones():
        raise Unreadable(f"There is no time zone {text[:40]!r}: use a name such as Europe/Zurich or UTC.", "zone")
    return text


def read_moment(text: str, zone: str) -> datetime:
    """A moment from ISO 8601, in `zone` when it names no offset. Raises Unreadable, also for the past."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Unreadable(f"The time {text[:40]!r} cannot be read: write such as 2027-03-31 04:30.", "at") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(read_zone(zone)))
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise Unreadable("The time is out of range.", "at") from None
    if moment < datetime.now(UTC):
        raise Unreadable("The time is in the past.", "at")
    return moment


def _culprit(fields: list[str]) -> str:
    """The first field that cannot be read by itself, in words; empty when only the whole cannot."""
    for place, (name, field) in enumerate(zip(FIELDS, fields, strict=True)):
        alone = ["*"] * len(FIELDS)
        alone[place] = field
        if not croniter.is_valid(" ".join(alone)):
            return f"({name}: {field!r})"
    return ""
