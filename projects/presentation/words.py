"""Sizes, shares and counts as people read them; times are in `events.words`."""

from __future__ import annotations

from events.words import span


def coarse(seconds: float) -> str:
    """A length of time that need not be read to the second: `3 d 4 h`, `6 min`, `< 1 min`."""
    if seconds < 60:
        return "< 1 min"
    return span(seconds) if seconds >= 3600 else f"{int(seconds // 60)} min"


def size(count: int | None) -> str:
    """Bytes in binary units: `312 MiB`, `1.2 GiB`; empty for None."""
    if count is None:
        return ""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1023.5 or unit == "TiB":
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def cores(share: float | None) -> str:
    """Use of processors, of one core: `6.1 %`, `140 %`; empty for None."""
    if share is None:
        return ""
    per_cent = share * 100
    return f"{per_cent:.1f} %" if per_cent < 99.95 else f"{per_cent:.0f} %"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 service`, `5 services`, `2 copies`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
