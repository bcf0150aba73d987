"""Sending what has happened once more, to webhooks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from events.actions import record
from events.models import Event
from events.subjects import Pattern
from webhooks.errors import BadWebhook
from webhooks.jobs import replay
from webhooks.models import ABOUT, State, Subscription


@dataclass(slots=True)
class Replayed:
    """How many deliveries were taken, and why the next was not; empty when all were."""

    sent: int = 0
    problem: str = ""


def chosen(name: str) -> list[Subscription]:
    """The webhook of that name, or without one all that are on. Raises BadWebhook where there is none."""
    rows = list(Subscription.objects.filter(name=name) if name else Subscription.objects.filter(state=State.ON))
    if not rows:
        raise BadWebhook(f"There is no webhook named {name!r}." if name else "No webhook is on.", "name")
    return rows


def replayed(events: Iterable[Event], rows: list[Subscription], subject: str, since: str) -> Replayed:
    """Send each event to those whose own pattern it meets, in this order, until one is not taken. What a webhook has
    yet to get does not change."""
    patterns = [(row, Pattern.read(row.subject)) for row in rows]
    done = Replayed()
    record("webhook.replayed", {"webhooks": [row.name for row in rows], "subject": subject, "since": since})
    for event in events:
        for row, pattern in patterns:
            if not pattern.matches(event.subject) or event.about.startswith(ABOUT):
                continue
            delivery = replay(row, event)
            if not delivery.succeeded:
                done.problem = f"{row.name}, position {event.position}: {delivery.problem}"
                return done
            done.sent += 1
    return done
