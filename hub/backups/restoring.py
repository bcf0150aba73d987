"""The way back: a Hub made from a backup."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from events.actions import fact, record
from events.statements import insertion, run
from hub.backups import archive, database, stacks, volumes
from hub.backups.actions import checked, differences
from hub.backups.archive import Manifest
from hub.backups.contents import contents
from hub.backups.errors import BackupError
from hub.backups.keys import fits, read_keys
from hub.launch.lock import HubLock
from hub.launch.prepare import migrate
from hub.watch import WATCH_STALE, heartbeat_age

# Rows in these make a database one that somebody uses.
USED = ("projects_project", "tasks_task", "retrospectives_sprint")
KEPT = ("hub_id", "node", "secret_key", "encryption_key")


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: rows in all, stacks whose data are back, definition files, where the old database went,
    Docker's volumes that are back."""

    manifest: Manifest
    rows: int
    data: list[str]
    files: int
    aside: str
    volumes: list[str]


def restore(path: Path, *, keys: Path | None = None, with_data: bool = False, with_volumes: bool = False,
            definitions: Path | None = None, replace: bool = False) -> Restored:
    """Make this Hub, which must not run, what the backup at `path` holds. Raises BackupError, and changes nothing then.

    `keys`: the file of keys that belongs to it; without one this Hub's own key must fit. `with_data` puts the data of
    stacks back, `definitions` names a folder for the definition files. A database that is in use is only replaced when
    `replace` says so; a SQLite file is put aside then. An older schema is brought up to date. `with_volumes` puts
    Docker's volumes back, last of all: where one cannot be, the error says that all else is done.
    """
    manifest = checked(path)
    _refuse_running()
    if not replace:
        _refuse_used()
    given = read_keys(keys) if keys else None
    key = given["encryption_key"] if given else settings.ENCRYPTION_KEY
    if not fits(key, manifest.key_check):
        raise BackupError("The encryption key does not belong to this backup.",
                          "Name the file that `manage.py backup keys` wrote beside it: --keys FILE.")
    _refuse_other_environment(given)
    with archive.scratch(settings.HUB_DATA) as room:
        archive.room_for(settings.HUB_DATA, path.stat().st_size * 4)
        # All that can be found wrong is found before the first change.
        staged = _staged(archive.extract(path, manifest, "database", room / "database"), manifest)
        data = _extracted_data(path, manifest, room) if with_data else {}
        files = archive.extract(path, manifest, "definitions", room / "definitions").read_bytes()
        number = stacks.write_definitions(files, key, definitions) if definitions else 0
        stamp = f"{timezone.now():%Y%m%dT%H%M%SZ}"
        connections.close_all()
        if manifest.database == "postgresql":
            aside = ""
            database.load_postgresql(staged, connection.settings_dict)
        else:
            aside = _swap_sqlite(staged, stamp)
        _take_over_identity(manifest, given, stamp)
        for slug, tar in data.items():
            stacks.unpack_data(slug, tar)
    found = contents(connection, list(manifest.tables))
    if wrong := differences(found, manifest):
        raise BackupError(f"The restored database is not what was saved. {wrong[0]}", "Restore another backup.")
    migrate()
    _record(path, manifest)
    try:
        put_back = volumes.restore(path, manifest, hub_works=False) if with_volumes else []
    except BackupError as error:
        raise BackupError(f"The database is restored. {error.message}",
                          f"{error.hint} Then, before Hub starts: `manage.py backup volumes FILE`.".strip()) from None
    return Restored(manifest, sum(rows for rows, _ in found.values()), sorted(data), number, aside, put_back)


def restore_volumes(path: Path, project: str = "") -> list[str]:
    """Put back Docker's volumes alone: of all projects in a backup, or of one (its slug). Returns `<slug>/<volume>` of
    each. Raises BackupError: the projects have to be here and, while Hub works, stopped, and the volumes gone."""
    done = volumes.restore(path, checked(path), project, hub_works=_hub_works())
    record("backup.volumes_restored", {"file": path.name, "volumes": done})
    return done


def _record(path: Path, manifest: Manifest) -> None:
    """In the stream of the Hub that was restored: until the next start this process bears the name of another."""
    event = fact("backup.restored", {"file": path.name, "made_at": manifest.created_at, "version": manifest.version})
    event.subject = f"hub.{manifest.hub_id}.backup.restored"
    run(insertion(event))


def _hub_works() -> bool:
    age = heartbeat_age()
    return HubLock(settings.HUB_DATA).is_held() or (age is not None and age < WATCH_STALE)


def _refuse_running() -> None:
    if _hub_works():
        raise BackupError(f"Hub runs on {settings.HUB_DATA}.",
                          "Stop it first: a restore puts another database in its place.")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                           "AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
            if others := cursor.fetchone()[0]:
                raise BackupError(f"{others} others are connected to the database.",
                                  "Stop every part of Hub on every host, and whoever else uses it.")


def _refuse_used() -> None:
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        for table in USED:
            if table in there:
                cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 1")
                if cursor.fetchone():
                    raise BackupError(f"The database of this Hub is in use: {table} has rows.",
                                      "Restore into a fresh Hub, or say --replace.")


def _refuse_other_environment(given: dict[str, str] | None) -> None:
    """Keys that come from the environment win over files: they must be the same."""
    if given is None:
        return
    for name, variable in (("encryption_key", "HUB_ENCRYPTION_KEY"), ("secret_key", "SECRET_KEY")):
        file = settings.HUB_DATA / name
        from_file = file.read_text().strip() if file.exists() else ""
        if getattr(settings.ENV, name) not in (from_file, given[name]):
            raise BackupError(f"{variable} in the environment is not the key of this backup.",
                              f"Set {variable} to it, or take the variable away.")


def _extracted_data(path: Path, manifest: Manifest, room: Path) -> dict[str, Path]:
    found = {}
    for number, name in enumerate(sorted(manifest.members)):
        if name.startswith("data/"):
            slug = name.removeprefix("data/").removesuffix(".tar.gz")
            stacks.refuse_data_there(slug)
            found[slug] = archive.extract(path, manifest, name, room / f"data{number}")
    return found


def _take_over_identity(manifest: Manifest, given: dict[str, str] | None, stamp: str) -> None:
    """This Hub is the one that was saved: its id, the name of its node, and its keys."""
    values = {"hub_id": manifest.hub_id, "node": manifest.node, **(given or {})}
    for name in KEPT:
        file = settings.HUB_DATA / name
        if name not in values or (file.exists() and file.read_text().strip() == values[name]):
            continue
        if file.exists():
            os.replace(file, file.with_name(f"{name}.before-{stamp}"))
        new = archive.copy_stream(iter([values[name].encode()]), file.with_name(f".{name}.new"))
        new.replace(file)


def _staged(packed: Path, manifest: Manifest) -> Path:
    """What will become the database, seen to hold what was saved; a dump for PostgreSQL is seen when it is loaded."""
    if manifest.database == "postgresql":
        return packed
    new = database.unpack_sqlite(packed, packed.with_name("hub.sqlite3"))
    restored = database.opened(database.settings_for(new))
    try:
        if wrong := differences(contents(restored, list(manifest.tables)), manifest):
            raise BackupError(f"The database in the backup is not what was saved. {wrong[0]}", "Choose another backup.")
    finally:
        restored.close()
    return new


def _swap_sqlite(new: Path, stamp: str) -> str:
    """Put the new file in the place of the old one, which stays beside it; returns its path."""
    place = Path(connection.settings_dict["NAME"])
    aside = ""
    if place.exists():
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connections.close_all()
        aside = str(place.with_name(f"{place.name}.before-{stamp}"))
        os.link(place, aside)
    new.chmod(0o600)
    os.replace(new, place)
    return aside
