"""What is sent about an alert: plain values, from which each channel makes its own words."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import timezone

from alerts.models import Alert
from alerts.sentences import condition, headline, shown
from events.times import iso

TEST = "test"


def message_of(alert: Alert, transition: str) -> dict[str, Any]:
    """`transition` (firing, resolved), `title`, `text`, `level`, `rule`, `target`, `condition`, `value`, `measure`,
    `fired_at`, `resolved_at`, `url`, `hub`."""
    rule = alert.rule
    return {
        "transition": str(transition),
        "title": headline(alert, transition),
        "text": alert.sentence,
        "level": alert.level,
        "alert": alert.pk,
        "rule": alert.name,
        "target": alert.target,
        "condition": condition(rule) if rule else "",
        "measure": rule.measure if rule else "",
        "value": alert.value,
        "value_text": shown(rule.measure, alert.value) if rule else "",
        "fired_at": iso(alert.fired_at),
        "resolved_at": iso(alert.resolved_at),
        "url": f"{settings.HUB_URL}{alert.get_absolute_url()}",
        "hub": settings.HUB_ID,
    }


def trial_message(name: str) -> dict[str, Any]:
    """What the test button sends through a channel of that name."""
    return {
        "transition": TEST, "title": "Test: this channel works", "level": "info", "alert": None, "rule": "",
        "text": f"Somebody tried the channel “{name}” of this Hub. Alerts will look like this.", "target": "",
        "condition": "", "measure": "", "value": None, "value_text": "", "fired_at": iso(timezone.now()),
        "resolved_at": None, "url": f"{settings.HUB_URL}/alerts/", "hub": settings.HUB_ID,
    }
