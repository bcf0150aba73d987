"""How webhooks look on their pages."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Max

from events.actions import matching
from events.models import Event
from events.relay.numbering import last_position
from webhooks.models import ABOUT, Delivery, State, Subscription

# Look (`data-task` in the style sheet), icon and word.
LOOKS = {
    State.ON: ("succeeded", "s-succeeded", "On"),
    State.PAUSED: ("cancelled", "pause", "Paused"),
    State.DISABLED: ("failed", "s-failed", "Disabled"),
}
FAILING = ("blocked", "restart", "Failing")
# So many events that wait are counted; beyond it is "more than".
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A subscription and its look; `waiting` is how many events it has yet to get, `stuck_at` the position of the one
    that was not taken."""

    row: Subscription
    look: str
    icon: str
    word: str
    pattern: str
    waiting: str
    stuck_at: int | None
    last: Delivery | None


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One try, and whether its event can still be sent again."""

    row: Delivery
    short: str
    is_kept: bool


def view_of(row: Subscription) -> WebhookView:
    """How to show one."""
    look, icon, word = FAILING if row.state == State.ON and row.failures else LOOKS[State(row.state)]
    last = row.deliveries.first()
    stuck = row.deliveries.filter(is_replay=False, succeeded=False, position__gt=row.position).aggregate(
        at=Max("position"))["at"] if row.failures else None
    return WebhookView(row, look, icon, word, short_of(row.subject), _waiting(row), stuck, last)


def log_of(rows: list[Delivery]) -> list[DeliveryView]:
    """How to show what was sent."""
    kept = set(Event.objects.filter(pk__in=[row.event for row in rows]).values_list("pk", flat=True))
    return [DeliveryView(row, short_of(row.subject), row.event in kept) for row in rows]


def short_of(subject: str) -> str:
    """A subject or a pattern without the name of this Hub."""
    return ".".join(subject.split(".")[2:]) or subject


def _waiting(row: Subscription) -> str:
    if row.position >= last_position():
        return "0"
    events = matching(row.subject).filter(position__gt=row.position).exclude(about__startswith=ABOUT)
    number = events.order_by("position")[: COUNTED + 1].count()
    return f"more than {COUNTED:,}" if number > COUNTED else f"{number:,}"
