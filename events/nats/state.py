"""What is known of the connection to NATS, which one process of all has: for every other, in the database."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from events.models import NatsState
from events.relay.numbering import last_position, mark

# Seconds: the connection says so often that it stands, and counts as gone when it has not said so for longer.
BEAT, SILENT = 5.0, timedelta(seconds=20)

_said: tuple[float, bool, str] = (0.0, False, "")


def saw(*, connected: bool, problem: str = "") -> None:
    """Keep what was seen; the same as before only every few seconds."""
    global _said
    now = time.monotonic()
    at, *before = _said
    if before == [connected, problem] and now - at < BEAT:
        return
    NatsState.objects.update_or_create(pk=1, defaults={
        "connected": connected, "problem": problem[:300], "seen_at": timezone.now()})
    _said = (now, connected, problem)


def state() -> dict[str, Any]:
    """`{"configured", "connected", "url"}`, and where NATS is configured `position` (the last that it took), `behind`
    (how many events it has yet to get) and `problem`, null when there is none."""
    config = settings.NATS
    if config is None:
        return {"configured": False, "connected": False, "url": None}
    seen = NatsState.objects.filter(pk=1).first()
    is_heard = seen is not None and seen.seen_at > timezone.now() - SILENT
    problem = seen.problem if seen is not None and is_heard else "No watch runs that would publish to it."
    position = mark("nats")
    return {
        "configured": True,
        "connected": bool(is_heard and seen.connected),
        "url": config.shown,
        "position": position,
        "behind": max(0, last_position() - position),
        "problem": problem or None,
    }
