"""Alerts, their rules and channels: pages, API and admin site."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from alerts import moves
from alerts.models import Alert, Channel, Notification, Rule
from alerts.registry import Reading
from alerts.states import AlertState
from hub.tests.access.entries import ADMIN, OPERATOR, VIEWER, Table, api, of_admin, page

UNTIL = (timezone.now() + timedelta(hours=2)).isoformat()
RULE = {"name": "Asked", "measure": "tasks.depth", "bound": 5}

TABLE: Table = {
    "alerts/": {"GET": page(VIEWER)},
    "alerts/live/": {"GET": page(VIEWER)},
    "alerts/banner/": {"GET": page(VIEWER)},
    "alerts/history/": {"GET": page(VIEWER)},
    "alerts/<int:pk>/": {"GET": page(VIEWER)},
    "alerts/<int:pk>/acknowledge/": {"POST": page(OPERATOR, 302)},
    "alerts/rules/new/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 422)},
    "alerts/rules/<int:pk>/": {"GET": page(VIEWER), "POST": page(OPERATOR, 422)},
    "alerts/rules/<int:pk>/mute/": {"POST": page(OPERATOR, 302, length="1 h")},
    "alerts/rules/<int:pk>/unmute/": {"POST": page(OPERATOR, 302)},
    "alerts/rules/<int:pk>/delete/": {"GET": page(OPERATOR), "POST": page(OPERATOR, 302)},
    "alerts/channels/": {"GET": page(VIEWER)},
    "alerts/channels/new/": {"GET": page(ADMIN), "POST": page(ADMIN, 422)},
    "alerts/channels/<int:pk>/": {"GET": page(ADMIN), "POST": page(ADMIN, 422)},
    "alerts/channels/<int:pk>/test/": {"POST": page(OPERATOR, 302)},
    "alerts/channels/<int:pk>/delete/": {"GET": page(ADMIN), "POST": page(ADMIN, 302)},
    "api/alerts": {"GET": api(VIEWER)},
    "api/alerts/evaluator": {"GET": api(VIEWER)},
    "api/alerts/measures": {"GET": api(VIEWER)},
    "api/alerts/rules": {"GET": api(VIEWER), "POST": api(OPERATOR, 201, **RULE)},
    "api/alerts/rules/<int:rule_id>": {"GET": api(VIEWER), "PATCH": api(OPERATOR, bound=7),
                                       "DELETE": api(OPERATOR, 204)},
    "api/alerts/rules/<int:rule_id>/mute": {"POST": api(OPERATOR, until=UNTIL)},
    "api/alerts/rules/<int:rule_id>/unmute": {"POST": api(OPERATOR, 409)},
    "api/alerts/channels": {"GET": api(VIEWER), "POST": api(ADMIN, 422, name="x", kind="pigeon", config={})},
    "api/alerts/channels/<int:channel_id>": {"PATCH": api(ADMIN, enabled=False), "DELETE": api(ADMIN, 204)},
    "api/alerts/channels/<int:channel_id>/test": {"POST": api(OPERATOR)},
    "api/alerts/<int:alert_id>": {"GET": api(VIEWER)},
    "api/alerts/<int:alert_id>/acknowledge": {"POST": api(OPERATOR)},
    **of_admin("alerts/rule", add=403, delete=403),
    **of_admin("alerts/alert", add=403, delete=403),
    **of_admin("alerts/channel", add=403, delete=403),
    **of_admin("alerts/notification", add=403, delete=403),
}

SAME = {
    "alerts/": "list_alerts, list_rules, show_evaluator",
    "alerts/live/": "list_alerts, list_rules",
    "alerts/banner/": "list_alerts",
    "alerts/history/": "list_alerts",
    "alerts/<int:pk>/": "show_alert",
    "alerts/<int:pk>/acknowledge/": "acknowledge_alert",
    "alerts/rules/new/": "create_rule, list_measures",
    "alerts/rules/<int:pk>/": "show_rule, change_rule",
    "alerts/rules/<int:pk>/mute/": "mute_rule",
    "alerts/rules/<int:pk>/unmute/": "unmute_rule",
    "alerts/rules/<int:pk>/delete/": "delete_rule",
    "alerts/channels/": "list_channels",
    "alerts/channels/new/": "create_channel",
    "alerts/channels/<int:pk>/": "change_channel",
    "alerts/channels/<int:pk>/test/": "try_channel",
    "alerts/channels/<int:pk>/delete/": "delete_channel",
}


def world(folder: Path) -> dict[str, Any]:
    rule = Rule.objects.create(name="Deep", measure="tasks.depth", bound=1, created_by="test")
    # Of a kind that there is not: nothing is sent to anybody.
    channel = Channel.objects.create(name="Nobody", kind="pigeon", created_by="test")
    alert = moves.begin(rule, "", Reading(3), timezone.now())
    moves.move(alert, AlertState.FIRING, fired_at=timezone.now())
    return {
        "alerts/<int:pk>": Alert.objects.get().pk, "rules/<int:pk>": rule.pk, "channels/<int:pk>": channel.pk,
        "<int:rule_id>": rule.pk, "<int:channel_id>": channel.pk, "<int:alert_id>": alert.pk,
        "alerts/rule/<path:object_id>": rule.pk, "alerts/alert/<path:object_id>": alert.pk,
        "alerts/channel/<path:object_id>": channel.pk,
        "alerts/notification/<path:object_id>": Notification.objects.get().pk,
    }  # fmt: skip
