"""Where exports lie: a folder in the data folder. A file is there whole, or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings

from analytics.builder.errors import NotWritten

# An export leaves so many bytes free: the database is on the same disk, mostly. Asked every so many bytes.
LEAST_FREE = 256 << 20
LOOK_EVERY = 8 << 20
# Seconds after which nobody writes a part any more.
STALE = 24 * 3600
UNFINISHED = ".part"


def folder() -> Path:
    """The folder of this node, for its user alone."""
    path = Path(settings.HUB_DATA) / "exports"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def write(name: str, attempt: int, content: Iterable[bytes]) -> int:
    """Write a file, which gets its name when it is whole and on the disk; returns its size. What an attempt that was
    killed left behind of it goes. Raises NotWritten."""
    try:
        part = folder() / f"{name}.{attempt}{UNFINISHED}"
        try:
            with open(part, "wb", opener=_private) as file:
                size, looked = 0, -LOOK_EVERY
                for piece in content:
                    if size - looked >= LOOK_EVERY:
                        _check_room()
                        looked = size
                    size += file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, folder() / name)
            return size
        finally:
            for left in folder().glob(f"{name}.*{UNFINISHED}"):
                left.unlink(missing_ok=True)
    except OSError as error:
        raise _told(error) from error


def names() -> Iterator[tuple[str, Path]]:
    """All files there are, each with the name that it has, or would have had."""
    for path in folder().iterdir():
        name = path.name.removesuffix(UNFINISHED).rpartition(".")[0] if path.name.endswith(UNFINISHED) else path.name
        yield name, path


def is_abandoned(path: Path) -> bool:
    """Whether it is the part of a file that nobody writes."""
    try:
        return path.name.endswith(UNFINISHED) and time.time() - path.stat().st_mtime > STALE
    except FileNotFoundError:
        return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _check_room() -> None:
    free = shutil.disk_usage(settings.HUB_DATA).free
    if free < LEAST_FREE:
        raise NotWritten(f"The disk is nearly full: {free >> 20} MiB are free, and an export leaves "
                         f"{LEAST_FREE >> 20} MiB. Free some space, or export less.")


def _told(error: OSError) -> NotWritten:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotWritten("The disk is full. Free some space in the data folder, or export less.")
    return NotWritten(f"The file cannot be written: {error.strerror}.")
