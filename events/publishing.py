"""Events of others: what scripts, services and other systems tell Hub."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from events.actions import fact
from events.context import acting
from events.models import Event
from events.statements import insertion, run
from events.subjects import BadSubject, Pattern, own

# What only Hub itself may say.
OWN_DOMAINS = frozenset({
    "account", "alert", "analytics", "audit", "engine", "event", "hub", "key", "lane", "nats", "node", "project",
    "report", "schedule", "service", "stack", "task", "webhook", "worker",
})
MAX_PAYLOAD = 64 * 1024
MAX_DEPTH = 64
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class BadPayload(ValueError):
    """A payload that cannot be kept."""


class PayloadTooLarge(BadPayload):
    """A payload of more than 64 KB."""


def publish(subject: str, payload: Any, correlation_id: uuid.UUID | None = None) -> Event:
    """Write an event of others, with the whole subject `hub.<hub_id>.<domain>.<action>[...]`.

    Raises BadSubject, also for a domain that is Hub's own, and BadPayload.
    """
    action = checked_subject(subject)
    check_payload(payload)
    with acting(correlation=correlation_id):
        event = fact(action, payload)
        run(insertion(event))
    return event


def checked_subject(subject: str) -> str:
    """The part of a subject after this Hub's name. Raises BadSubject."""
    if "*" in subject or ">" in subject:
        raise BadSubject(f"{subject[:80]!r}: an event has one subject; '*' and '>' are for patterns.")
    pattern = Pattern.read(subject)
    if not subject.startswith(own()):
        raise BadSubject(f"{subject!r} is not of this Hub: use {own()}<domain>.<action>.")
    if len(pattern.tokens) < 4:
        raise BadSubject(f"{subject!r} is too short: use {own()}<domain>.<action>.")
    if pattern.tokens[2].lower() in OWN_DOMAINS:
        raise BadSubject(f"{subject!r}: the domain {pattern.tokens[2]!r} is for Hub itself; use another.")
    return subject.removeprefix(own())


def check_payload(payload: Any) -> None:
    """Raises BadPayload for what is no object, too large, too deep, or of characters that no database keeps."""
    if not isinstance(payload, dict):
        raise BadPayload("The payload is a JSON object, such as {\"version\": \"1.2\"}.")
    waiting: list[tuple[Any, int]] = [(payload, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise BadPayload(f"The payload is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(value, dict):
            waiting += [(each, depth + 1) for pair in value.items() for each in pair]
        elif isinstance(value, list):
            waiting += [(each, depth + 1) for each in value]
        elif isinstance(value, str) and UNSTORABLE.search(value):
            raise BadPayload("A text in the payload has a zero byte or half a character (a lone surrogate) in it.")
    try:
        size = len(json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except ValueError:
        raise BadPayload("A number in the payload is none: JSON has no NaN and no infinity.") from None
    if size > MAX_PAYLOAD:
        raise PayloadTooLarge(f"The payload has {size:,} bytes: use at most {MAX_PAYLOAD:,}.")
