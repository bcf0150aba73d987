"""The machine: Python and its packages, the disk, the data folder, the clock."""

from __future__ import annotations

import shutil
import stat
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from django.conf import settings
from django.db import connection
from packaging.requirements import Requirement

from hub.doctor.finding import Finding, failure, fine, warning
from hub.health import DISK_FULL, DISK_LOW
from tasks.queue import connect

OLDEST_PYTHON = (3, 11)
SECRET_FILES = ("secret_key", "encryption_key")
# Seconds that two clocks may differ: times in the database are this host's and others', side by side.
SKEW = 2.0


def python() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield failure("Python", f"Python is {found}.", f"Use {oldest} or newer, then bin/up.")
    else:
        yield fine("Python", f"Python is {found}.")


def packages() -> Iterator[Finding]:
    """Whether what is installed is what `requirements.txt` names."""
    wrong = []
    for line in (settings.BASE_DIR / "requirements.txt").read_text().splitlines():
        text = line.partition("#")[0].strip()
        if not text or text.startswith("-"):
            continue
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            wrong.append(f"{wanted.name} is missing")
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name} is {found} and not {wanted.specifier}")
    if wrong:
        yield failure("Packages", f"{', '.join(wrong)}.", "Run bin/up, which installs requirements.txt.")
    else:
        yield fine("Packages", "Everything that Hub needs is installed, in the versions that it was tested with.")


def disk() -> Iterator[Finding]:
    data, backups = settings.HUB_DATA, settings.HUB_BACKUP_DIR
    for name, folder in (("Disk of the data folder", data), ("Disk of the backups", backups)):
        place = next(path for path in (folder, *folder.parents) if path.exists())
        if folder != data and place.stat().st_dev == data.stat().st_dev:
            continue
        free = shutil.disk_usage(place).free
        said = f"{free / 1e9:,.1f} GB are free at {folder}."
        if free < DISK_FULL:
            yield failure(name, said, "Free some space: tasks, events and logs cannot be written.")
        elif free < DISK_LOW:
            yield warning(name, said, "Free some space, or shorten the retention rules in the admin site.")
        else:
            yield fine(name, said)


def folder() -> Iterator[Finding]:
    """Nobody else may read the data folder, and least of all the keys in it."""
    data = settings.HUB_DATA
    open_ones = [path for path in (data / name for name in SECRET_FILES) if path.exists() and _is_open(path)]
    if open_ones:
        yield failure("Data folder", f"Others may read {', '.join(map(str, open_ones))}.",
                      f"chmod 600 {' '.join(map(str, open_ones))}, and make new keys if others have an account here.")
    elif _is_open(data):
        yield warning("Data folder", f"Others may look into {data}.", f"chmod 700 {data}")
    else:
        yield fine("Data folder", f"{data} is closed to others.")


def clock() -> Iterator[Finding]:
    """This host's clock beside those of the database and of Redis."""
    others = {}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            others["the database"] = float(cursor.fetchone()[0]) - time.time()
    with connect(socket_timeout=1) as client:
        seconds, microseconds = client.time()
        others["Redis"] = seconds + microseconds / 1e6 - time.time()
    apart = {name: skew for name, skew in others.items() if abs(skew) > SKEW}
    if apart:
        said = ", ".join(f"that of {name} is {skew:+.1f} s from it" for name, skew in apart.items())
        yield failure("Clock", f"The clock of this host is {time.strftime('%H:%M:%S UTC', time.gmtime())}; {said}.",
                      "Let all hosts follow one NTP server: workers are taken for dead by their times.")
    else:
        yield fine("Clock", f"The clocks of this host, {' and '.join(others)} agree.")


def _is_open(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
