"""An event as programs get it: from the API, in streams, from NATS, from the command."""

from __future__ import annotations

import json
from typing import Any

from events.models import Event
from events.times import iso


def event_dict(event: Event) -> dict[str, Any]:
    """`position` is null until the relay has given it, a moment after the fact was written."""
    return {
        "id": str(event.pk),
        "position": event.position,
        "subject": event.subject,
        "origin": event.origin,
        "actor": event.actor,
        "correlation_id": str(event.correlation_id),
        "payload": event.payload,
        "timestamp": iso(event.timestamp),
    }


def event_json(event: Event) -> str:
    """The same as one line of JSON."""
    return json.dumps(event_dict(event), ensure_ascii=False, separators=(",", ":"))
