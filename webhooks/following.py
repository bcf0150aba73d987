"""What a subscription is to be sent next."""

from __future__ import annotations

from events.actions import matching
from events.models import Event
from events.relay.numbering import last_position
from webhooks.models import ABOUT, Subscription

# So many positions are looked through at a time.
STRIDE = 2_000


def following(subscription: Subscription, limit: int) -> list[Event]:
    """The events that come next, in their order, `limit` at most; nothing when it has got all there is.

    What is told of the tasks that deliver is left out: each delivery would be followed by another.
    """
    end, position = last_position(), subscription.position
    while position < end:
        stop = min(position + STRIDE, end)
        events = matching(subscription.subject).filter(position__gt=position, position__lte=stop)
        found = list(events.exclude(about__startswith=ABOUT).order_by("position")[:limit])
        if found:
            return found
        skip(subscription, stop)
        position = stop
    return []


def skip(subscription: Subscription, position: int) -> bool:
    """Remember that there is nothing to send up to a position; False when somebody changed it meanwhile."""
    done = Subscription.objects.filter(pk=subscription.pk, version=subscription.version, position__lt=position).update(
        position=position)
    subscription.position = max(subscription.position, position) if done else subscription.position
    return bool(done)
