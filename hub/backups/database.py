"""A database as one file, and back. Each kind by its own tool: SQLite's online backup, PostgreSQL's pg_dump.

Both are one snapshot: what is written meanwhile is not in it, and nobody has to wait.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from hub.backups.errors import BackupError

# What libpq reads from its environment, by the names that Django's settings have for it.
LIBPQ = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE"}
LIBPQ_OPTIONS = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY",
                 "service": "PGSERVICE", "passfile": "PGPASSFILE"}
# Pages of SQLite that are copied at once: writers get in between.
PAGES = 2000


@contextmanager
def snapshot(folder: Path) -> Iterator[tuple[Path, BaseDatabaseWrapper]]:
    """`(file, connection)`: the database as a file in `folder`, and a connection that sees exactly what is in it."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "postgresql":
        with _postgresql_snapshot(folder / "database") as pair:
            yield pair
    else:
        copy = folder / "copy.sqlite3"
        _copy_sqlite(connection, copy)
        other = opened(settings_for(copy))
        try:
            packed = folder / "database"
            with copy.open("rb") as source, gzip.open(packed, "wb", compresslevel=3) as target:
                shutil.copyfileobj(source, target, 1024 * 1024)
            yield packed, other
        finally:
            other.close()


def unpack_sqlite(packed: Path, target: Path) -> Path:
    """The database of a backup as a file. Raises BackupError when it is damaged."""
    try:
        with gzip.open(packed, "rb") as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1024 * 1024)
        with contextlib.closing(sqlite3.connect(target)) as database:
            found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except (OSError, EOFError, sqlite3.DatabaseError) as error:
        raise BackupError(f"The database in the backup is damaged: {error}.", "Choose another backup.") from None
    if found != "ok":
        raise BackupError(f"The database in the backup is damaged: {found}.", "Choose another backup.")
    return target


def load_postgresql(dump: Path, config: dict[str, Any]) -> None:
    """Make the database what the dump holds, in one transaction: all of it, or nothing. Raises BackupError."""
    script = dump.with_name("database.sql")
    _run(["pg_restore", "--no-owner", "--no-privileges", f"--file={script}", os.fspath(dump)], config)
    begin = dump.with_name("begin.sql")
    begin.write_text("SET lock_timeout = '10s';\nDROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n")
    _run(["psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null",
          f"--file={begin}", f"--file={script}"], config)


@contextmanager
def scratch_database(name: str) -> Iterator[dict[str, Any]]:
    """The settings of a new, empty database beside Hub's own on PostgreSQL, dropped afterwards. Raises BackupError."""
    connection = connections[DEFAULT_DB_ALIAS]
    quoted = connection.ops.quote_name(name)
    with connection._nodb_cursor() as cursor:
        try:
            cursor.execute(f"CREATE DATABASE {quoted}")
        except connection.Database.Error as error:
            raise BackupError(f"No database could be made to verify the backup in: {str(error).strip()}.",
                              "Allow it: ALTER ROLE ... CREATEDB.") from None
    try:
        yield {**connection.settings_dict, "NAME": name}
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")


def settings_for(path: Path) -> dict[str, Any]:
    """The settings of Hub's own SQLite database, at another place."""
    return {**settings.DATABASES[DEFAULT_DB_ALIAS], "NAME": str(path)}


def opened(config: dict[str, Any]) -> BaseDatabaseWrapper:
    """A connection to another database of the same kind."""
    return load_backend(config["ENGINE"]).DatabaseWrapper(config, DEFAULT_DB_ALIAS)


def size_of(connection: BaseDatabaseWrapper) -> int:
    """Bytes that the database has on its disk."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return cursor.fetchone()[0]
    return Path(connection.settings_dict["NAME"]).stat().st_size


def _copy_sqlite(connection: BaseDatabaseWrapper, target: Path) -> None:
    connection.ensure_connection()
    with contextlib.closing(sqlite3.connect(target)) as copy:
        connection.connection.backup(copy, pages=PAGES, sleep=0.005)
        copy.execute("PRAGMA journal_mode=DELETE")


@contextmanager
def _postgresql_snapshot(target: Path) -> Iterator[tuple[Path, BaseDatabaseWrapper]]:
    own = connections[DEFAULT_DB_ALIAS]
    connection = opened(own.settings_dict)
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            name = cursor.fetchone()[0]
        _run(["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={name}", f"--file={target}"],
             connection.settings_dict)
        target.chmod(0o600)
        yield target, connection
    finally:
        connection.close()


def _run(command: list[str], config: dict[str, Any]) -> None:
    """One of PostgreSQL's programs, which must be as new as the server at least. Raises BackupError."""
    program = shutil.which(command[0])
    if program is None:
        raise BackupError(f"{command[0]} is not installed.",
                          "Install PostgreSQL's client programs (Debian: postgresql-client).")
    done = subprocess.run([program, *command[1:]], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, errors="replace", env=_environment(config))
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise BackupError(f"{command[0]} failed: {said[0].removeprefix(command[0] + ': ')}", "\n".join(said[1:6]))


def _environment(config: dict[str, Any]) -> dict[str, str]:
    """Where the database is, for PostgreSQL's programs: no password stands on a command line."""
    options = config.get("OPTIONS") or {}
    given = {**{name: config.get(key) for key, name in LIBPQ.items()},
             **{name: options.get(key) for key, name in LIBPQ_OPTIONS.items()}}
    return {**os.environ, "PGCONNECT_TIMEOUT": "10", **{name: str(value) for name, value in given.items() if value}}
