"""The app of alerts."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db import connections
from django.db.models.signals import post_migrate

from alerts.defaults import DEFAULTS


def keep_defaults(using: str, apps: Any = installed, **options: Any) -> None:
    """Add the rules that every Hub has and this one lacks. After migrations, because transactional tests empty every
    table, and because a newer Hub may bring a rule that an older one did not have."""
    try:
        rule = apps.get_model("alerts", "Rule")
    except LookupError:  # migrated to before this app
        return
    connection = connections[using]
    table = rule._meta.db_table
    if table not in connection.introspection.table_names():
        return
    known = set(rule.objects.using(using).exclude(builtin="").values_list("builtin", flat=True))
    missing = [rule(builtin=key, created_by="hub", **fields) for key, fields in DEFAULTS.items() if key not in known]
    if missing:
        rule.objects.using(using).bulk_create(missing, ignore_conflicts=True)


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        post_migrate.connect(keep_defaults, sender=self, dispatch_uid="alerts.keep_defaults")
