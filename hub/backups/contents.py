"""What is in a database, in a few numbers: enough to see that a restored one holds the same."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

MIGRATIONS = "django_migrations"


def tables_of(connection: BaseDatabaseWrapper) -> list[str]:
    """The tables that Django's models have there. Those of the full-text index follow from them."""
    return sorted({*connection.introspection.django_table_names(only_existing=True, include_views=False), MIGRATIONS})


def contents(connection: BaseDatabaseWrapper | None = None, tables: list[str] | None = None) -> dict[str, list[Any]]:
    """By table `[rows, checksum]`. The checksum depends on every value of every row, not on the order of the rows.

    On PostgreSQL the server computes it, on SQLite this process: one pass over each table.
    """
    connection = connection or connections[DEFAULT_DB_ALIAS]
    count = _on_postgresql if connection.vendor == "postgresql" else _on_sqlite
    return {table: count(connection, table) for table in tables or tables_of(connection)}


def applied(connection: BaseDatabaseWrapper) -> list[str]:
    """`<app>.<name>` of each migration that the database has had; none where it has no tables yet."""
    with connection.cursor() as cursor:
        if MIGRATIONS not in connection.introspection.table_names(cursor):
            return []
        cursor.execute("SELECT app, name FROM django_migrations")
        return sorted({f"{app}.{name}" for app, name in cursor.fetchall()})


def _on_postgresql(connection: BaseDatabaseWrapper, table: str) -> list[Any]:
    quoted = connection.ops.quote_name(table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), coalesce(sum(hashtextextended(whole::text, 0)::numeric), 0)::text "
                       f"FROM {quoted} whole")
        return list(cursor.fetchone())


def _on_sqlite(connection: BaseDatabaseWrapper, table: str) -> list[Any]:
    quoted, total, rows = connection.ops.quote_name(table), 0, 0
    connection.ensure_connection()
    # Below Django, which would keep the whole answer in memory.
    for row in connection.connection.execute(f"SELECT * FROM {quoted}"):
        total += int.from_bytes(hashlib.blake2b(repr(tuple(row)).encode(), digest_size=8).digest())
        rows += 1
    return [rows, str(total)]
