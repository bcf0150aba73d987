"""Where things are kept: the database, Redis, backups."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from hub.backups.actions import backups_in
from hub.doctor.finding import Finding, failure, fine, warning
from projects.environment import load
from projects.errors import ProjectError
from projects.models import Project
from tasks.queue import connect

OLDEST_SQLITE, OLDEST_POSTGRESQL, OLDEST_REDIS = (3, 31), (14, 0), (6, 0)
# Hours after which a nightly backup is missed.
BACKUP_AGE = 36


def database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            number = connection.pg_version
            found, oldest, name = (number // 10000, number % 10000), OLDEST_POSTGRESQL, "PostgreSQL"
        else:
            cursor.execute("SELECT sqlite_version()")
            found, oldest = tuple(map(int, cursor.fetchone()[0].split("."))), OLDEST_SQLITE
            name = "SQLite"
    said = f"{name} {'.'.join(map(str, found))} answers."
    if found < oldest:
        yield failure("Database", said, f"Use {name} {'.'.join(map(str, oldest))} or newer.")
    else:
        yield fine("Database", said)
    if connection.vendor == "sqlite":
        yield from _sqlite_file()


def schema() -> Iterator[Finding]:
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    unknown = sorted(f"{app}.{name}" for app, name in set(executor.loader.applied_migrations)
                     - set(executor.loader.disk_migrations))
    if missing:
        first = f"{missing[0][0].app_label}.{missing[0][0].name}"
        yield failure("Schema", f"{len(missing)} migrations are not applied, the first is {first}.",
                      "Restart Hub, or run `bin/manage prepare` where its parts run alone.")
    elif unknown:
        yield failure("Schema", f"The database was used by a newer Hub: it has had {unknown[0]}.",
                      "Use that Hub again.")
    else:
        yield fine("Schema", "The database is up to date.")


def redis() -> Iterator[Finding]:
    with connect(socket_timeout=2) as client:
        facts = client.info()
        settled = {name: client.config_get(name).get(name, "") for name in ("maxmemory-policy", "appendonly")} \
            if _may_ask(client) else {"maxmemory-policy": facts.get("maxmemory_policy", ""),
                                      "appendonly": "yes" if facts.get("aof_enabled") else "no"}
    found = tuple(int(part) for part in str(facts["redis_version"]).split(".")[:2])
    said = f"Redis {facts['redis_version']} answers, and uses {facts['used_memory'] / 1e6:,.0f} MB."
    if found < OLDEST_REDIS:
        yield failure("Redis", said, f"Use Redis {'.'.join(map(str, OLDEST_REDIS))} or newer.")
    else:
        yield fine("Redis", said)
    if settled["maxmemory-policy"] not in ("", "noeviction"):
        yield failure("Redis memory", f"When it is full, Redis throws queues away (maxmemory-policy is "
                      f"{settled['maxmemory-policy']}).", "Set maxmemory-policy to noeviction.")
    elif facts.get("maxmemory") and facts["used_memory"] > 0.9 * facts["maxmemory"]:
        yield failure("Redis memory", "Redis has used nine tenths of its maxmemory.", "Raise maxmemory.")
    else:
        yield fine("Redis memory", "Redis throws nothing away.")
    if settled["appendonly"] != "yes":
        yield warning("Redis on disk", "Redis keeps no append-only file: after its death tasks are pushed anew.",
                      "Set appendonly to yes, and they need not be.")


def secrets() -> Iterator[Finding]:
    """Whether every environment can be decrypted with the key that is here."""
    closed = []
    for project in Project.objects.order_by("pk").only("slug", "environment"):
        try:
            load(project)
        except ProjectError:
            closed.append(project.slug)
    if closed:
        names = ", ".join(closed[:5]) + " and others" * (len(closed) > 5)
        yield failure("Secrets", f"The environment of {names} cannot be decrypted: the key is another one.",
                      "Restore the file encryption_key in Hub's data folder, or HUB_ENCRYPTION_KEY.")
    else:
        yield fine("Secrets", "Every project's environment can be decrypted.")


def backups() -> Iterator[Finding]:
    found = backups_in(settings.HUB_BACKUP_DIR)
    if not found:
        yield warning("Backups", f"There is no backup in {settings.HUB_BACKUP_DIR}.",
                      "Wait for the night, or `bin/manage backup create --verify`; `bin/manage backup keys FILE` once.")
        return
    hours = (timezone.now() - found[0].made_at).total_seconds() / 3600
    said = f"The newest of {len(found)} in {settings.HUB_BACKUP_DIR} is {hours:,.0f} hours old."
    if hours > BACKUP_AGE:
        yield warning("Backups", said, "Look at the task of the schedule “Nightly backup”.")
    else:
        yield fine("Backups", said)


def _sqlite_file() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(1)")
        said = cursor.fetchone()[0]
        cursor.execute("PRAGMA journal_mode")
        mode = cursor.fetchone()[0]
    if said != "ok":
        yield failure("Database file", f"The database is damaged: {said}.", "Stop Hub and restore the last backup.")
    elif mode not in ("wal", "memory"):
        yield warning("Database file", f"Its journal is {mode!r} and not WAL: readers and writers wait for each other.",
                      "Put the data folder on a local disk; network file systems cannot do it.")
    else:
        yield fine("Database file", "The database is whole.")


def _may_ask(client) -> bool:
    """Managed servers allow no CONFIG."""
    try:
        return bool(client.config_get("maxmemory-policy"))
    except Exception:  # noqa: BLE001
        return False
