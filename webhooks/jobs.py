"""The background work of webhooks: sending what is new, and sending something once more."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from events.actions import record
from events.models import Event
from events.words import span
from tasks.job import Job, JobFailed
from webhooks.delivery import Hopeless, send
from webhooks.following import following
from webhooks.models import Delivery, State, Subscription

# Events read at a time; seconds after which a worker is left to others; deliveries kept of each subscription.
BATCH, SHARE, KEPT = 20, 30.0, 1000
# A receiver that has taken nothing for so long is sent nothing any more.
GIVE_UP = timedelta(hours=24)


class GaveUp(JobFailed):
    """The subscription is disabled: trying again would change nothing."""


class Deliver(Job):
    """`{"subscription": id}`: sends the events that follow on its position, one after the other. What is not taken is
    tried again, with growing pauses, and what comes after it waits. Result: `{"sent"}`."""

    name = "webhooks.deliver"
    timeout = 300
    max_attempts = 10
    # Up to half an hour apart, so for longer than GIVE_UP.
    retries, backoff, backoff_cap = 500, 5.0, 1800.0
    no_retry_on = (GaveUp,)

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return f"Send events to {name_of(params.get('subscription'))}"

    def run(self) -> dict[str, Any]:
        until, sent = time.monotonic() + SHARE, 0
        while time.monotonic() < until:
            subscription = Subscription.objects.filter(pk=self.params["subscription"], state=State.ON).first()
            events = following(subscription, BATCH) if subscription else []
            if not events:
                break
            for event in events:
                self.progress.check()
                if not self._delivered(subscription, event):
                    break  # it was changed meanwhile
                sent += 1
        tidy(self.params["subscription"])
        return {"sent": sent}

    def on_failed(self, error: str) -> None:
        # Also when its process died too often, so that it is not begun again for ever.
        disable(self.params["subscription"], error)

    def _delivered(self, subscription: Subscription, event: Event) -> bool:
        """Send one; False when somebody has changed the subscription meanwhile. Raises JobFailed, GaveUp."""
        try:
            row, is_hopeless = send(subscription, event), False
        except Hopeless as hopeless:
            row, is_hopeless = hopeless.args[0], True
        if not self._keep(subscription, row):
            return False
        if row.succeeded:
            return True
        failing = row.at - (subscription.failing_since or row.at)
        if is_hopeless:
            raise GaveUp(row.problem)
        if failing >= GIVE_UP:
            raise GaveUp(f"Nothing was taken for {span(failing.total_seconds())}. {row.problem}")
        raise JobFailed(row.problem, f"{event.subject} at position {event.position} is sent again later.")

    def _keep(self, subscription: Subscription, row: Delivery) -> bool:
        """Write the log and how far it has come; False when somebody has changed the subscription meanwhile."""
        mine = Subscription.objects.filter(pk=subscription.pk, version=subscription.version)
        with transaction.atomic():
            if not Subscription.objects.filter(pk=subscription.pk).exists():
                return False
            row.save()
            if row.succeeded:
                return bool(mine.update(position=row.position, failing_since=None, failures=0))
            first = {} if subscription.failing_since else {"failing_since": row.at}
            return bool(mine.update(failures=F("failures") + 1, **first))


class SendAgain(Job):
    """`{"subscription": id, "event": id}`: sends one event once more, out of its turn. Result: `{"status"}`."""

    name = "webhooks.replay"
    timeout = 60
    max_attempts = 3
    retries, backoff = 5, 5.0
    no_retry_on = (GaveUp,)

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        return f"Send an event to {name_of(params.get('subscription'))} once more"

    def run(self) -> dict[str, Any]:
        subscription = Subscription.objects.filter(pk=self.params["subscription"]).first()
        event = Event.objects.filter(pk=uuid.UUID(self.params["event"])).first()
        if subscription is None or event is None:
            raise GaveUp("The webhook was deleted." if subscription is None else "The event is no longer kept.")
        row = replay(subscription, event)
        if not row.succeeded:
            raise JobFailed(row.problem)
        return {"status": row.status}


def replay(subscription: Subscription, event: Event) -> Delivery:
    """Send an event once more, out of its turn, and keep that in the log."""
    try:
        row = send(subscription, event, is_replay=True)
    except Hopeless as hopeless:
        row = hopeless.args[0]
    row.save()
    return row


def disable(key: int, reason: str) -> None:
    """Send nothing any more, until somebody resumes it."""
    with transaction.atomic():
        if Subscription.objects.filter(pk=key, state=State.ON).update(
                state=State.DISABLED, reason=reason[:500], version=F("version") + 1):
            record("webhook.disabled", {"webhook": key, "name": name_of(key), "reason": reason[:500]})


def tidy(key: int) -> None:
    """Keep the newest deliveries of a subscription, and what failed in the last day."""
    last = Delivery.objects.filter(subscription=key).order_by("-id").values_list("pk", flat=True)[KEPT : KEPT + 1]
    for pk in last:
        old = Delivery.objects.filter(subscription=key, pk__lte=pk)
        old.exclude(succeeded=False, at__gt=timezone.now() - timedelta(days=1)).delete()


def name_of(key: Any) -> str:
    """The name of a subscription in quotation marks, for people."""
    name = Subscription.objects.filter(pk=key).values_list("name", flat=True).first()
    return f"“{name}”" if name else "a webhook"
