"""How an event looks in a list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from events.models import Event

# By the last word of the subject; what is not here is a plain fact.
LOOKS = {
    "failed": ("error", "s-failed"),
    "died": ("error", "s-failed"),
    "lost": ("error", "s-failed"),
    "sign-in-failed": ("warning", "shield"),
    "sign-in-limited": ("warning", "shield"),
    "degraded": ("warning", "s-degraded"),
    "rescued": ("warning", "restart"),
    "succeeded": ("ok", "s-succeeded"),
    "started": ("ok", "s-running"),
    "running": ("ok", "s-running"),
    "returned": ("warning", "restart"),
    "starting": ("info", "s-moving"),
    "stopping": ("info", "s-moving"),
    "stopped": ("debug", "s-stopped"),
    "cancelled": ("debug", "s-cancelled"),
    "created": ("info", "plus"),
    "deleted": ("debug", "trash"),
    "copied": ("info", "copy"),
    "admin-made": ("warning", "shield"),
    "sign-in-link-made": ("info", "link"),
    "sign-in-link-used": ("info", "link"),
    "signed-in": ("debug", "user"),
    "signed-out": ("debug", "user"),
    "key-created": ("info", "key"),
    "key-revoked": ("info", "key"),
    "firing": ("error", "bell"),
    "resolved": ("ok", "bell"),
    "pending": ("debug", "bell"),
    "passed": ("debug", "bell"),
    "undelivered": ("warning", "bell"),
}
SHOWN = 4
LONGEST = 80


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event and its look: `short` is the subject without the name of this Hub, `text` the payload in a line."""

    event: Event
    short: str
    level: str
    icon: str
    text: str


def row_of(event: Event) -> EventRow:
    """How to show one event."""
    level, icon = LOOKS.get(event.subject.rpartition(".")[2], ("info", "events"))
    short = ".".join(event.subject.split(".")[2:]) or event.subject
    return EventRow(event, short, level, icon, _line(event.payload))


def pretty(payload: Any) -> str:
    """A payload as JSON to be read."""
    return json.dumps(payload, indent=2, ensure_ascii=False)


def changes_of(payload: Any) -> list[tuple[str, str, str]]:
    """What an action changed, as lines of name, before and after; empty texts where there was nothing."""
    if not isinstance(payload, dict):
        return []
    before, after = payload.get("before"), payload.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    return [(name, _said(before, name), _said(after, name)) for name in {**before, **after}]


def _said(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return ""
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _line(payload: Any) -> str:
    if not isinstance(payload, dict):
        return _short(payload)
    # What is linked, beside the text, is not said twice.
    links = {"task", "subject"} if "task" in payload else {"project", "name"} if "project" in payload else set()
    told = {key: value for key, value in payload.items() if key not in links}
    pairs = [(key, value) for key, value in told.items() if value not in (None, "", [], {})]
    if changes := changes_of(payload):
        pairs = [(key, value) for key, value in pairs if key not in ("before", "after", "changed")]
        pairs += [(name, f"{old or '–'} → {new or '–'}") for name, old, new in changes]
    return " · ".join(f"{key} {_short(value)}" for key, value in pairs[:SHOWN])


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
