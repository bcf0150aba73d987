"""Delivers notifications, from `watch` itself: no queue and no worker stands between an alert and who has to know.

Who delivers one claims its row first, by a conditional UPDATE that also says when it may be tried again. A courier that
is killed between the delivery and the line that says so delivers a second time after that: at least once, with the id
of the notification along, by which a receiver tells that it has it.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error, close_old_connections, connection, transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from alerts.channels.registry import KINDS
from alerts.errors import AlertError, Undelivered
from alerts.evaluator import evaluate, pulse
from alerts.models import Channel, Notification
from events.actions import record
from events.context import acting
from events.outgoing.opener import OPENER

logger = logging.getLogger(__name__)

# Seconds that a claim holds: longer than any delivery takes.
LEASE = 60
# Seconds until the second try, doubled at each further one up to the longest; after so many hours it is given up.
FIRST_PAUSE, LONGEST_PAUSE = 5, 900
GIVE_UP = timedelta(hours=24)
PING_EVERY = 60.0
PING_TIMEOUT = 10


def deliver_due() -> int:
    """Deliver what waits and is due, oldest first; returns how many were delivered."""
    number = 0
    while (one := _claim()) is not None:
        number += _deliver(one)
    return number


def _claim() -> Notification | None:
    """The oldest that is due and has no older one before it: nobody hears that an alert is resolved before they heard
    that it fired. None when nothing is due."""
    now = timezone.now()
    before = Notification.objects.filter(alert=OuterRef("alert"), channel=OuterRef("channel"), id__lt=OuterRef("id"),
                                         state=Notification.State.WAITING)
    waiting = Notification.objects.filter(~Exists(before), state=Notification.State.WAITING, next_at__lte=now)
    for one in waiting.select_related("channel").order_by("id")[:20]:
        mine = Notification.objects.filter(pk=one.pk, state=Notification.State.WAITING, next_at=one.next_at)
        if mine.update(next_at=now + timedelta(seconds=LEASE), tries=F("tries") + 1):
            one.tries += 1
            return one
    return None


def _deliver(one: Notification) -> bool:
    try:
        send(one.channel, one.message, str(one.pk))
    except Undelivered as error:
        _put_off(one, error, timezone.now())
        return False
    now = timezone.now()
    with transaction.atomic():
        Notification.objects.filter(pk=one.pk).update(state=Notification.State.SENT, sent_at=now, error="")
        Channel.objects.filter(pk=one.channel_id).update(problem="", last_sent_at=now)
    return True


def send(channel: Channel, message: dict, key: str) -> None:
    """Deliver one message now. Raises Undelivered, whatever went wrong."""
    kind = KINDS.get(channel.kind)
    if kind is None:
        raise Undelivered(f"This Hub has no channel of the kind {channel.kind} any more.", for_good=True)
    try:
        kind.send(channel.config, message, key)
    except (Undelivered, Error):
        raise
    except AlertError as error:
        raise Undelivered(error.message) from None
    except Exception as error:
        logger.exception("The channel %s failed.", channel.name)
        raise Undelivered(f"{type(error).__name__}: {error}"[:300]) from None


def _put_off(one: Notification, error: Undelivered, now: datetime) -> None:
    given_up = error.for_good or now - one.created_at > GIVE_UP
    fields: dict[str, object] = {"error": error.message[:500]}
    if given_up:
        fields["state"] = Notification.State.GIVEN_UP
    else:
        pause = min(FIRST_PAUSE * 2 ** min(one.tries - 1, 20), LONGEST_PAUSE)
        fields["next_at"] = now + timedelta(seconds=pause)
    with transaction.atomic():
        Notification.objects.filter(pk=one.pk, state=Notification.State.WAITING).update(**fields)
        Channel.objects.filter(pk=one.channel_id).update(problem=error.message[:500])
        if given_up:
            record("alert.undelivered", {"alert": one.alert_id, "channel": one.channel.name, "error": error.message})
    logger.warning("The channel %s could not be told: %s", one.channel.name, error.message)


class Courier:
    """Delivers in a thread of its own, so that a slow server holds up nothing else. It begins with the first `wake`."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ping_at = 0.0

    def wake(self) -> None:
        """Something may be due. Called by the one that leads, every few seconds."""
        if self._thread is None or not self._thread.is_alive():
            # A daemon: whoever ends does not wait for a server that hangs.
            self._thread = threading.Thread(target=self._work, name="alert courier", daemon=True)
            self._thread.start()
        self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            try:
                with acting(actor="hub", via="watch"):
                    close_old_connections()
                    deliver_due()
                    self._ping()
            except Exception:
                logger.exception("Notifications are not delivered; next try in a few seconds.")
                connection.close()

    def _ping(self) -> None:
        """Tell the watchdog outside that alerts are evaluated; when it hears nothing, it alerts by itself."""
        url = settings.HUB_ALERT_PING_URL
        if not url or time.monotonic() < self._ping_at or pulse().is_late:
            return
        self._ping_at = time.monotonic() + PING_EVERY
        try:
            with OPENER.open(url, timeout=PING_TIMEOUT):
                return
        except (OSError, ValueError) as error:
            logger.warning("The heartbeat of alerts was not sent: %s", error)


COURIER = Courier()


def alert() -> list[str]:
    """What `watch` does every few seconds: see what is wrong, and have people told."""
    said = evaluate()
    COURIER.wake()
    return said
