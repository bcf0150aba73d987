"""What must be done before anything runs: room on the disk, the database's tables, the static files."""

from __future__ import annotations

import errno
import hashlib
import shutil
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor

from hub.launch.errors import LaunchError

# Bytes. The static files need 10 MB at the first start; the rest is for the database and Redis to work at all.
NEEDED = 48 * 1024 * 1024


def check_disk() -> None:
    """Raises LaunchError when the data folder has no room to work in."""
    free = shutil.disk_usage(settings.HUB_DATA).free
    if free < NEEDED:
        raise LaunchError(
            f"the disk of {settings.HUB_DATA} is full: {free >> 20} MB free, {NEEDED >> 20} MB needed. "
            "Free some space, or set HUB_DATA to a folder on another disk."
        )


def prepare() -> list[str]:
    """Bring the database and the static files up to date; returns the migrations that were applied. LaunchError."""
    try:
        applied = migrate()
        collect_static()
        return applied
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise LaunchError(f"the disk of {settings.HUB_DATA} is full. Free some space and start again.") from None
        raise LaunchError(f"{error.filename or settings.HUB_DATA}: {error.strerror}.") from None
    except Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise LaunchError(f"the database does not work: {reason}. Check DATABASE_URL and the disk.") from None


def migrate() -> list[str]:
    """Apply the migrations that the database lacks, and return them as `<app>.<name>`."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        print("Bringing the database up to date ...", flush=True)
        call_command("migrate", interactive=False, verbosity=0)
    return [f"{one.app_label}.{one.name}" for one, _ in plan]


def collect_static() -> None:
    """Collect and compress the static files, when one of them has changed since the last time. Those of a release of
    `bin/deploy` are its own, and stay as it made them."""
    if settings.HUB_DATA not in Path(settings.STATIC_ROOT).parents:
        return
    stamp = settings.HUB_DATA / "static.stamp"
    fingerprint = _static_fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint and Path(settings.STATIC_ROOT).is_dir():
        return
    print("Collecting the static files ...", flush=True)
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(fingerprint)


def _static_fingerprint() -> str:
    """Changes when a static file is added, removed or written."""
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
