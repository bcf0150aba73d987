"""Rules, alerts and channels as programs get them."""

from __future__ import annotations

from typing import Any

from alerts.actions import rule_values
from alerts.channel_actions import shown_config
from alerts.evaluator import STALE, Pulse
from alerts.models import Alert, Channel, Notification, Rule
from alerts.registry import Measure
from alerts.sentences import condition
from events.times import iso


def alert_dict(alert: Alert) -> dict[str, Any]:
    """One time that a rule was broken."""
    lasted = alert.lasted
    return {
        "id": alert.pk, "rule": alert.rule_id, "name": alert.name, "target": alert.target, "level": alert.level,
        "state": alert.state, "value": alert.value, "worst": alert.worst, "sentence": alert.sentence,
        "pending_at": iso(alert.pending_at), "fired_at": iso(alert.fired_at), "resolved_at": iso(alert.resolved_at),
        "lasted": None if lasted is None else round(lasted.total_seconds(), 3), "why": alert.why or None,
        "acknowledged_at": iso(alert.acknowledged_at), "acknowledged_by": alert.acknowledged_by or None,
    }


def notification_dict(one: Notification) -> dict[str, Any]:
    """One message about an alert."""
    return {"id": str(one.pk), "channel": one.channel.name, "transition": one.transition, "state": one.state,
            "tries": one.tries, "error": one.error or None, "sent_at": iso(one.sent_at)}


def rule_dict(rule: Rule) -> dict[str, Any]:
    """When to alert; durations in seconds."""
    return {"id": rule.pk, "builtin": rule.builtin or None, **rule_values(rule), "condition": condition(rule),
            "muted_until": iso(rule.muted_until) if rule.is_muted() else None,
            "muted_by": rule.muted_by or None if rule.is_muted() else None}


def channel_dict(channel: Channel) -> dict[str, Any]:
    """A way to tell people; secrets are masked."""
    return {"id": channel.pk, "name": channel.name, "kind": channel.kind, "enabled": channel.enabled,
            "config": shown_config(channel), "problem": channel.problem or None,
            "last_sent_at": iso(channel.last_sent_at)}


def measure_dict(one: Measure) -> dict[str, Any]:
    """What a rule can be about."""
    return {"key": one.key, "title": one.title, "unit": one.unit_name, "description": one.describe,
            "compare": one.compare, "windowed": one.windowed, "scoped": one.scoped}


def pulse_dict(found: Pulse) -> dict[str, Any]:
    """Whether rules are looked at: `age` of the last pass in seconds, `took` in milliseconds."""
    return {"late": found.is_late, "at": iso(found.at), "age": None if found.age is None else round(found.age, 1),
            "took": None if found.took is None else round(found.took, 1), "stale_after": STALE}
