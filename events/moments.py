"""Moments as people name them: when what they look for began, and until when."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from django.utils import timezone

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
EXAMPLES = "30s, 15m, 1h, 7d, 2w, today, yesterday, 2026-03-01 or 2026-03-01T12:00:00Z"
DAY = timedelta(days=1)
LAST = timedelta(microseconds=1)


class BadMoment(ValueError):
    """What is no moment; `field` says of which parameter."""

    def __init__(self, message: str, field: str):
        super().__init__(message)
        self.field = field


def since(text: str) -> datetime | None:
    """The first moment: so long ago (`1h`), the begin of a day, or a time (UTC where it does not say). None for an
    empty text. Raises BadMoment."""
    return _moment(text, "since", whole_day=False)


def until(text: str) -> datetime | None:
    """The last moment; a day is meant with its end."""
    return _moment(text, "until", whole_day=True)


def period(first: str, last: str) -> tuple[datetime | None, datetime | None]:
    """Both, of which the second must not be before the first. Raises BadMoment."""
    begin, end = since(first), until(last)
    if begin is not None and end is not None and end < begin:
        raise BadMoment(f"until ({last}) is before since ({first}).", "until")
    return begin, end


def _moment(text: str, field: str, *, whole_day: bool) -> datetime | None:
    text = text.strip()
    if not text:
        return None
    now = timezone.now()
    try:
        if match := re.fullmatch(r"([0-9]{1,6})([smhdw])", text):
            return now - timedelta(**{UNITS[match[2]]: int(match[1])})
        if text == "now":
            return now
        if text in ("today", "yesterday"):
            day = now.date() - (DAY if text == "yesterday" else timedelta())
        elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            day = date.fromisoformat(text)
        else:
            # A plus sign that was not escaped in an address arrives as a space.
            moment = datetime.fromisoformat(re.sub(r"(:[0-9.]+) ([0-9]{2}:?[0-9]{2})$", r"\1+\2", text))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return begin + DAY - LAST if whole_day else begin
    except (ValueError, OverflowError):
        raise BadMoment(f"{field}: {text[:40]!r} is no moment. Use {EXAMPLES}.", field) from None
