"""The file that a backup is: a tar with a manifest, the database, and by choice what stacks keep.

Members: `manifest.json`, `database` (see `hub.backups.database`), `definitions` (encrypted), `data/<slug>.tar.gz` and
`volumes/<slug>/<name>.tar`. The manifest names every other member with its size and SHA-256, so that a file which was
cut or changed is seen before anything is done with it. Keys are never in it: see `hub.backups.keys`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.backups.errors import BackupError

FORMAT = 1
MANIFEST = "manifest.json"
NAME = re.compile(r"hub-[A-Za-z0-9_-]{1,32}-(\d{8}T\d{6}Z)\.tar$")
BLOCK = 1024 * 1024
# No manifest of ours comes near it; what claims to be larger is something else.
LARGEST_MANIFEST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    `created_at`: ISO 8601, UTC. `database`: sqlite or postgresql. `migrations`: `<app>.<name>` of all that were
    applied. `tables`: by table `[rows, checksum]`, see `hub.backups.contents`. `key_check`: a known word, encrypted
    with the key of this Hub. `members`: by name `[bytes, SHA-256]`.
    """

    hub_id: str
    node: str
    version: str
    created_at: str
    database: str
    migrations: list[str]
    tables: dict[str, list[Any]]
    key_check: str
    members: dict[str, list[Any]] = field(default_factory=dict)
    format: int = FORMAT


def file_name(hub_id: str, moment: datetime) -> str:
    return f"hub-{hub_id}-{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}.tar"


def moment_of(path: Path) -> datetime | None:
    """When a backup was made, by its name; None for a file that is none."""
    match = NAME.fullmatch(path.name)
    return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else None


@contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """A private folder on the same disk, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=".hub-backup-", dir=beside) as folder:
        yield Path(folder)


def write(target: Path, manifest: Manifest, members: dict[str, Path]) -> Manifest:
    """Put the files into a tar at `target`, which is there whole (0600, synced to the disk) or not at all."""
    listed = {name: [path.stat().st_size, checksum(path)] for name, path in sorted(members.items())}
    manifest = Manifest(**{**asdict(manifest), "members": listed})
    partial = target.with_name(f".{target.name}.partial")
    try:
        with open(partial, "wb", opener=_private) as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                with tempfile.NamedTemporaryFile("w", dir=target.parent, prefix=".hub-backup-") as text:
                    json.dump(asdict(manifest), text)
                    text.flush()
                    _add(tar, MANIFEST, Path(text.name))
                for name, path in sorted(members.items()):
                    _add(tar, name, path)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """What the backup at `path` says that it holds. BackupError for anything that is no backup of this format."""
    with _opened(path) as tar:
        try:
            member = tar.getmember(MANIFEST)
            if member.size > LARGEST_MANIFEST:
                raise ValueError("too large")
            content = json.loads(tar.extractfile(member).read())
            form = content.get("format")
            if form == FORMAT:
                return Manifest(**content)
        except (KeyError, ValueError, TypeError, AttributeError, tarfile.TarError, EOFError):
            raise BackupError(f"{path} is no backup of Hub, or it was cut.", "Choose another file.") from None
    raise BackupError(f"{path} has format {form!r}; this Hub reads format {FORMAT}.", "Use the Hub that wrote it.")


def extract(path: Path, manifest: Manifest, name: str, target: Path) -> Path:
    """Write one member to the file `target` (0600), and see that it is what the manifest says. Raises BackupError."""
    if name not in manifest.members:
        raise BackupError(f"{path} holds no {name}.", "Choose another backup.")
    size, expected = manifest.members[name]
    digest = hashlib.sha256()
    try:
        with _opened(path) as tar, open(target, "wb", opener=_private) as file:
            source = tar.extractfile(name)
            while block := source.read(BLOCK):
                digest.update(block)
                file.write(block)
    except (KeyError, AttributeError, tarfile.TarError, EOFError):
        raise BackupError(f"{path} was cut: {name} is not whole.", "Choose another backup.") from None
    if digest.hexdigest() != expected or target.stat().st_size != size:
        raise BackupError(f"{path} was changed or is damaged: {name} is not what was saved.", "Choose another backup.")
    return target


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_stream(blocks: Iterator[bytes], target: Path) -> Path:
    """Blocks of bytes as a file of mode 0600."""
    with open(target, "wb", opener=_private) as file:
        for block in blocks:
            file.write(block)
    return target


def room_for(folder: Path, size: int) -> None:
    """Raises BackupError when the disk of `folder` has no room for so many bytes, and some to live on."""
    free, needed = shutil.disk_usage(folder).free, size + 200 * 1024 * 1024
    if free < needed:
        raise BackupError(f"The disk of {folder} has {free >> 20} MB free; about {needed >> 20} MB are needed.",
                          "Free some space, or choose a folder on another disk.")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.", "Look at its path and its mode.") from None
    except tarfile.ReadError:
        raise BackupError(f"{path} is no backup of Hub, or it was cut.", "Choose another file.") from None


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = path.stat().st_size, 0o600, int(path.stat().st_mtime)
    with path.open("rb") as file:
        tar.addfile(info, file)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
