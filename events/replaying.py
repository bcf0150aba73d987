"""Goes through what has happened once more, in the order of the stream and at its pace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from events.models import Event
from events.relay.numbering import BATCH
from events.subjects import Pattern


class BadSpeed(ValueError):
    """What is no speed."""


def pace(text: str) -> float:
    """How many times as fast as it happened; 0 for as fast as it can be (`max`). Raises BadSpeed."""
    if text == "max":
        return 0.0
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = -1.0
    if not 0.001 <= speed <= 1e6:
        raise BadSpeed(f"--speed {text!r} is no speed: use max, or a number such as 1, 0.5 or 10.")
    return speed


def paced(pattern: Pattern, since: datetime | None, speed: float = 0.0) -> Iterator[Event]:
    """The events of a pattern from a moment on, as far as the stream goes now, each when it is due."""
    began, first = time.monotonic(), None
    for event in _in_order(pattern, since):
        if speed:
            first = first or event.timestamp
            due = began + (event.timestamp - first).total_seconds() / speed
            time.sleep(max(0.0, due - time.monotonic()))
        yield event


def _in_order(pattern: Pattern, since: datetime | None) -> Iterator[Event]:
    events = Event.objects.filter(position__isnull=False).order_by("position")
    end = events.values_list("position", flat=True).last()
    if end is None:
        return
    if not pattern.is_everything:
        events = events.filter(pattern.condition)
    if since is not None:
        events = events.filter(timestamp__gte=since)
    position = 0
    while batch := list(events.filter(position__gt=position, position__lte=end)[:BATCH]):
        yield from batch
        position = batch[-1].position
