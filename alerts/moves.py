"""The one place that writes an alert's state, and with it whom to tell."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from alerts.messages import message_of
from alerts.models import Alert, Channel, Notification, Rule
from alerts.registry import Reading
from alerts.sentences import sentence
from alerts.states import MOVES, AlertState
from events.actions import record


def begin(rule: Rule, target: str, reading: Reading, now: datetime) -> Alert | None:
    """A rule is broken: an alert that is pending. None when another evaluator was first."""
    alert = Alert(rule=rule, name=rule.name, level=rule.level, target=target, value=reading.value, worst=reading.value,
                  sentence=sentence(rule, target, reading), pending_at=now)
    try:
        with transaction.atomic():
            alert.save(force_insert=True)
            _record(alert)
    except IntegrityError:
        return None
    return alert


def move(alert: Alert, to: AlertState, **fields: Any) -> bool:
    """Move an alert to a state, with `fields`, its event and its notifications, in one transaction. False when it is
    not where it could come from: somebody else moved it. The row that is handed in has the new values afterwards."""
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, state__in=MOVES[to]).update(state=to, **fields):
            return False
        for name, value in {"state": to, **fields}.items():
            setattr(alert, name, value)
        _record(alert)
        if to == AlertState.FIRING:
            tell(alert)
        elif to == AlertState.RESOLVED:
            _tell_again(alert)
    return True


def tell(alert: Alert) -> None:
    """Write the notifications of a firing alert, once, and not while its rule is muted."""
    now = timezone.now()
    with transaction.atomic():
        if alert.rule is None or alert.rule.is_muted(now):
            return
        if not Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING, told=False).update(told=True):
            return
        alert.told = True
        chosen = list(alert.rule.channels.filter(enabled=True))
        if not chosen and not alert.rule.channels.exists():
            chosen = list(Channel.objects.filter(enabled=True))
        _notify(alert, AlertState.FIRING, chosen)


def _tell_again(alert: Alert) -> None:
    """Those who heard that it fires hear that it does no more, also while it is muted."""
    heard = Channel.objects.filter(notifications__alert=alert, notifications__transition=AlertState.FIRING)
    _notify(alert, AlertState.RESOLVED, list(heard))


def _notify(alert: Alert, transition: AlertState, channels: list[Channel]) -> None:
    message = message_of(alert, transition)
    Notification.objects.bulk_create(
        [Notification(alert=alert, channel=channel, transition=transition, message=message) for channel in channels],
        ignore_conflicts=True,
    )


def _record(alert: Alert) -> None:
    record(f"alert.{alert.state}", {
        "alert": alert.pk, "name": alert.name, "target": alert.target, "level": alert.level, "value": alert.value,
        "sentence": alert.sentence, "why": alert.why,
    }, about=f"alerts.alert:{alert.pk}")
