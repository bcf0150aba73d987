"""Backups: make one, see what it holds, prove that it can be restored, restore it, remove old ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from events.actions import record
from events.times import iso
from hub.backups import archive, database, stacks, volumes
from hub.backups.archive import Manifest
from hub.backups.contents import applied, contents
from hub.backups.errors import BackupError
from hub.backups.keys import fits, key_check
from hub.backups.schema import unknown_migrations

# A backup that is younger than this may still be somebody's only one.
YOUNG = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup in a folder: `size` in bytes, `made_at` as its name says. Of one just made, `ran`:
    the projects that ran while their volumes were read."""

    path: Path
    size: int
    made_at: Any
    ran: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """What a trial restore found: rows by table, and `wrong`, sentences about what is not as it was saved."""

    tables: dict[str, int]
    wrong: list[str] = field(default_factory=list)


def back_up(folder: Path, *, with_data: bool = False, with_volumes: bool = False,
            tell: Callable[[str], None] = lambda step: None) -> Backup:
    """Write a backup of this Hub into a folder, while it works. `tell` hears what begins. Raises BackupError.

    `with_data`: also what the services of this host's stacks keep in HUB_STACK_DATA. A service that writes meanwhile
    is saved as its files are then: stop those that cannot bear that. `with_volumes`: the same of Docker's volumes.
    """
    target = _folder(folder)
    archive.room_for(target, database.size_of(connection))
    moment = timezone.now()
    path = target / archive.file_name(settings.HUB_ID, moment)
    with archive.scratch(target) as room:
        tell("database")
        with database.snapshot(room) as (dump, seen):
            manifest = Manifest(
                hub_id=settings.HUB_ID, node=settings.HUB_NODE, version=settings.VERSION, created_at=iso(moment),
                database=connection.vendor, migrations=applied(seen), tables=contents(seen), key_check=key_check(),
            )
        tell("definitions")
        members = {"database": dump, "definitions": archive.copy_stream(iter([stacks.definitions()]), room / "files")}
        if with_data:
            for project in stacks.with_data():
                tell(f"data of {project.slug}")
                members[f"data/{project.slug}.tar.gz"] = stacks.pack_data(project.slug, room / f"{project.pk}.data")
        volumes_of, ran = volumes.save(room, tell) if with_volumes else ({}, [])
        members |= volumes_of
        tell("archive")
        archive.write(path, manifest, members)
    record("backup.made", {"file": path.name, "folder": str(target), "size": path.stat().st_size,
                           "with_data": with_data, "with_volumes": with_volumes})
    return Backup(path, path.stat().st_size, moment, tuple(ran))


def backups_in(folder: Path) -> list[Backup]:
    """The backups in a folder, newest first; none where there is no such folder."""
    try:
        found = [(archive.moment_of(path), path) for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BackupError(f"{folder} cannot be read: {error.strerror}.", "Look at its mode.") from None
    return [Backup(path, path.stat().st_size, moment) for moment, path in sorted(
        ((moment, path) for moment, path in found if moment is not None), reverse=True)]


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove all of this Hub's backups in a folder but the newest `keep` (one at least); returns those removed."""
    own = [one for one in backups_in(folder) if one.path.name.startswith(f"hub-{settings.HUB_ID}-")]
    gone = [one.path for one in own[max(keep, 1):] if timezone.now() - one.made_at > YOUNG]
    for path in gone:
        path.unlink(missing_ok=True)
    if gone:
        record("backup.pruned", {"files": [path.name for path in gone], "folder": str(folder), "keep": keep})
    return gone


def verify(path: Path, key: str = "") -> Verified:
    """Restore a backup into a database of its own, compare every table with what was saved, and take it away again.

    `key`: the encryption key that it needs, this Hub's without one. Raises BackupError for a file that is no backup,
    is damaged, or was made by a newer Hub.
    """
    manifest = checked(path)
    key = key or settings.ENCRYPTION_KEY
    home = settings.HUB_DATA
    archive.room_for(home, path.stat().st_size * 3)
    with archive.scratch(home) as room:
        packed = archive.extract(path, manifest, "database", room / "database")
        for name in manifest.members:
            if name != "database":
                archive.extract(path, manifest, name, room / "member")
        if manifest.database == "postgresql":
            with database.scratch_database(f"hub_verify_{os.getpid()}_{room.name[-8:].lower()}") as config:
                database.load_postgresql(packed, config)
                return _compared(config, manifest, key)
        file = database.unpack_sqlite(packed, room / "restored.sqlite3")
        return _compared(database.settings_for(file), manifest, key)


def checked(path: Path) -> Manifest:
    """The manifest of a backup that this Hub can take: of its kind of database, of no newer schema. BackupError."""
    manifest = archive.read_manifest(path)
    if manifest.database != connection.vendor:
        raise BackupError(f"The backup is of a {manifest.database} database, this Hub has {connection.vendor}.",
                          "Set DATABASE_URL to a database of that kind.")
    if newer := unknown_migrations(manifest.migrations):
        raise BackupError(
            f"The backup was made by a newer Hub ({manifest.version}): its database has had {newer[0]}, which this one "
            f"({settings.VERSION}) does not know.", "Upgrade Hub first, then restore.")
    return manifest


def differences(restored: dict[str, list[Any]], manifest: Manifest) -> list[str]:
    """Sentences about the tables that are not as they were saved."""
    return [f"Table {table} holds {restored.get(table, ['no'])[0]} rows, or other ones; {saved[0]} were saved."
            for table, saved in sorted(manifest.tables.items()) if restored.get(table) != saved]


def _compared(config: dict[str, Any], manifest: Manifest, key: str) -> Verified:
    restored = database.opened(config)
    try:
        found = contents(restored, list(manifest.tables))
        wrong = differences(found, manifest)
        if not fits(key, manifest.key_check):
            wrong.append("The encryption key here is not the one that it was made with: secrets in it cannot be read.")
        elif sealed := _unreadable(restored, key):
            wrong.append(f"The environment of {', '.join(sealed)} cannot be decrypted.")
        return Verified({table: rows for table, (rows, _) in found.items()}, wrong)
    finally:
        restored.close()


def _unreadable(restored: BaseDatabaseWrapper, key: str) -> list[str]:
    """The slugs of projects whose environment the key does not open."""
    with restored.cursor() as cursor:
        cursor.execute("SELECT slug, environment FROM projects_project ORDER BY slug")
        return [slug for slug, content in cursor.fetchall() if content and not stacks.opens(key, bytes(content))]


def _folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise BackupError(f"{folder} cannot be written: {error.strerror}.", "Choose another folder.") from None
    return folder.resolve()

