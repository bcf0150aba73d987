"""The tasks app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from tasks.search import schema


def keep_documents(using: str, **options: Any) -> None:
    """SQLite drops the triggers of a table that a migration makes anew."""
    tables = connections[using].introspection.table_names()
    if {"tasks_task", "tasks_words"} <= set(tables):
        schema.create(connections[using])


class TasksConfig(AppConfig):
    name = "tasks"

    def ready(self) -> None:
        post_migrate.connect(keep_documents, sender=self, dispatch_uid="tasks.keep_documents")
