"""Lengths of time as people read them. A space stands between number and unit."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """A length of time in its two largest units: `3 d 4 h`, `1 min 52 s`, `8.2 s`, `0.4 s`."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for place, (size, unit) in enumerate(UNITS):
        if whole >= size:
            count, rest = divmod(whole, size)
            if place + 1 < len(UNITS) and (smaller := rest // UNITS[place + 1][0]):
                return f"{count} {unit} {smaller} {UNITS[place + 1][1]}"
            return f"{count} {unit}"
    return "0 s"


def ago(moment: datetime | None, now: datetime | None = None) -> str:
    """How long ago: `2 s ago`, `6 min ago`, `3 d ago`, `just now`; `never` for None."""
    if moment is None:
        return "never"
    seconds = int(((now or timezone.now()) - moment).total_seconds())
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"
