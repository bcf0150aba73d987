"""Operations of migrations that may run while Hub is in use."""

from __future__ import annotations

from typing import Any

from django.db import NotSupportedError
from django.db.migrations.operations import AddIndex

STATE = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


class AddIndexConcurrently(AddIndex):
    """An index of a table that is in use: on PostgreSQL, writers go on while it is made. The migration needs
    `atomic = False`, and has nothing else in it. What a run that died left behind is made anew; an index that it had
    finished is kept. On SQLite, plainly an index."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        connection = schema_editor.connection
        model = to_state.apps.get_model(app_label, self.model_name)
        if connection.vendor != "postgresql" or not self.allow_migrate_model(connection.alias, model):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        if connection.in_atomic_block:
            raise NotSupportedError("AddIndexConcurrently needs `atomic = False` in its migration.")
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            (before,) = cursor.fetchone()
            # It waits for the transactions there are, and nobody waits for it.
            cursor.execute("SET lock_timeout = 0")
            name = connection.ops.quote_name(self.index.name)
            cursor.execute(STATE, [name])
            found = cursor.fetchone()
            if found is not None and not found[0]:
                cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
        if found is None or not found[0]:
            schema_editor.add_index(model, self.index, concurrently=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])

    def describe(self) -> str:
        return f"Concurrently create index {self.index.name} on {self.model_name}"
