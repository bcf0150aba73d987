"""Rules, alerts and channels in the admin site: looked at here, changed on their own pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from alerts.models import Alert, Channel, Notification, Rule


class ReadOnly(admin.ModelAdmin):
    """Every change goes through the use cases, which say what is wrong and write it down."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Rule)
class RuleAdmin(ReadOnly):
    list_display = ("name", "measure", "compare", "bound", "level", "enabled", "muted_until")
    list_filter = ("enabled", "level")


@admin.register(Alert)
class AlertAdmin(ReadOnly):
    list_display = ("__str__", "state", "level", "sentence", "fired_at", "resolved_at", "acknowledged_by")
    list_filter = ("state", "level")


@admin.register(Channel)
class ChannelAdmin(ReadOnly):
    list_display = ("name", "kind", "enabled", "last_sent_at", "problem")
    exclude = ("secret",)


@admin.register(Notification)
class NotificationAdmin(ReadOnly):
    list_display = ("alert", "channel", "transition", "state", "tries", "sent_at", "error")
    list_filter = ("state", "channel")
