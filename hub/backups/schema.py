"""How the schema of a backup stands to this Hub's."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.migrations.loader import MigrationLoader


def unknown_migrations(names: Iterable[str]) -> list[str]:
    """Those of the migrations (`<app>.<name>`) that this Hub does not have: a newer one has applied them."""
    loader = MigrationLoader(None)
    known = {f"{app}.{name}" for app, name in loader.disk_migrations} | {
        f"{app}.{old}" for migration in loader.disk_migrations.values() for app, old in migration.replaces}
    return sorted(set(names) - known)
