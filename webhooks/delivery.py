"""Sending one event to one address."""

from __future__ import annotations

import time

from django.utils import timezone

from events.encryption import WrongKey, decrypt
from events.models import Event
from events.outgoing.posting import post
from events.outgoing.targets import TargetFailed, TargetRefused
from events.shapes import event_json
from webhooks.models import Delivery, Subscription
from webhooks.signing import signed_headers

# Seconds for the whole of it, and how much of an answer the log keeps.
TIMEOUT, KEPT = 10.0, 2000
GONE = 410


class Hopeless(Exception):
    """It makes no sense to try again: the message says why."""


def send(subscription: Subscription, event: Event, *, is_replay: bool = False) -> Delivery:
    """Send it, and return what became of it, not saved yet. Raises Hopeless, with the delivery as its argument, where
    nothing may be sent, or the receiver says that it is gone."""
    row = Delivery(subscription=subscription, event=event.pk, subject=event.subject, position=event.position,
                   at=timezone.now(), succeeded=False, is_replay=is_replay)
    body = event_json(event).encode()
    began = time.monotonic()
    try:
        headers = signed_headers(decrypt(subscription.secret).decode(), str(event.pk), int(time.time()), body)
        answer = post(subscription.url, body, {"Content-Type": "application/json", **headers}, timeout=TIMEOUT)
    except WrongKey:
        row.problem = "The secret cannot be read: Hub's encryption key is another one. Give the webhook a new secret."
        raise Hopeless(row) from None
    except TargetRefused as refused:
        row.problem = str(refused)[:500]
        raise Hopeless(row) from None
    except TargetFailed as failed:
        row.problem, row.elapsed = str(failed)[:500], time.monotonic() - began
        return row
    row.status, row.elapsed, row.succeeded = answer.status, answer.elapsed, answer.is_success
    row.answer = answer.text[:KEPT].replace("\0", "�")
    if not answer.is_success:
        row.problem = f"It answered {answer.status}."
        if 300 <= answer.status < 400:
            row.problem = f"It redirects elsewhere ({answer.status}), which is not followed: name the final address."
    if answer.status == GONE:
        row.problem = "It answered 410: it wants no more."
        raise Hopeless(row)
    return row
