"""The app of analytics: what became of tasks, over years."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from analytics import schema


def keep_triggers(using: str, **options: Any) -> None:
    """SQLite drops the triggers of a table that a migration makes anew."""
    tables = connections[using].introspection.table_names()
    if {"tasks_task", "tasks_attempt", "analytics_uncounted", "analytics_removed"} <= set(tables):
        schema.create(connections[using])


class AnalyticsConfig(AppConfig):
    name = "analytics"

    def ready(self) -> None:
        post_migrate.connect(keep_triggers, sender=self, dispatch_uid="analytics.keep_triggers")
