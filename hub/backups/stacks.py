"""What belongs to projects beside their rows: the files that define them, and by choice the data of their services."""

from __future__ import annotations

import base64
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from hub.backups.errors import BackupError
from projects.binding import home_of
from projects.models import Project

# Files of a project's folder that say what it runs.
PATTERNS = ("Procfile*", ".env*", "*.env", "compose*.y*ml", "docker-compose*.y*ml", "Dockerfile*", "hub.toml")
# A definition is a text that somebody wrote; what is larger is none.
LARGEST = 256 * 1024


def definitions() -> bytes:
    """The definition files of all projects whose folders are there, encrypted with Hub's key: an `.env` has secrets.

    `{slug: {"path", "files": {name: base64}}}`. What a start really ran stands in the database, with its revision.
    """
    from cryptography.fernet import Fernet  # a worker carries it only when it needs it

    found = {}
    for project in Project.objects.order_by("pk").only("slug", "path"):
        folder = Path(project.path)
        files = {path.name: base64.b64encode(path.read_bytes()).decode() for path in _files(folder)}
        found[project.slug] = {"path": project.path, "files": files}
    return Fernet(settings.ENCRYPTION_KEY).encrypt(json.dumps(found).encode())


def write_definitions(content: bytes, key: str, target: Path) -> int:
    """Write the files to `<target>/<slug>/`, never over another file; returns how many. Raises BackupError."""
    from cryptography.fernet import Fernet  # see definitions

    number = 0
    for slug, project in json.loads(Fernet(key).decrypt(content)).items():
        folder = target / Path(slug).name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in project["files"].items():
            try:
                with (folder / Path(name).name).open("xb") as file:
                    file.write(base64.b64decode(text))
            except FileExistsError:
                raise BackupError(f"{folder / name} is there already.",
                                  "Name a new folder for the definitions.") from None
            number += 1
    return number


def opens(key: str, content: bytes) -> bool:
    """Whether the key decrypts it."""
    from cryptography.fernet import Fernet, InvalidToken  # see definitions

    try:
        Fernet(key).decrypt(content)
    except InvalidToken:
        return False
    return True


def with_data() -> list[Project]:
    """The projects whose services keep files in HUB_STACK_DATA here."""
    return [project for project in Project.objects.order_by("pk") if any(_data(project.slug).glob("*"))]


def pack_data(slug: str, target: Path) -> Path:
    """A stack's HUB_STACK_DATA as a tar, with owners and modes. What vanishes while it is read is left out."""
    with open(target, "wb", opener=_private) as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
        for path in _walked(_data(slug)):
            try:
                tar.add(path, arcname=str(path.relative_to(_data(slug))), recursive=False)
            except FileNotFoundError:
                continue
    return target


def refuse_data_there(slug: str) -> None:
    """Raises BackupError where a stack of that name has data already."""
    folder = _data(slug)
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} holds data already.", "Move them away first: a restore writes over nothing.")


def unpack_data(slug: str, packed: Path) -> None:
    """Put a stack's data where they were. Raises BackupError as `refuse_data_there` does."""
    refuse_data_there(slug)
    folder = _data(slug)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tarfile.open(packed, "r:gz") as tar:
        tar.extractall(folder, filter="tar")


def _files(folder: Path) -> Iterator[Path]:
    try:
        found = sorted({path for pattern in PATTERNS for path in folder.glob(pattern)})
        yield from (path for path in found if path.is_file() and path.stat().st_size <= LARGEST)
    except OSError:  # the folder is another host's, or closed to us: the revisions have what it ran
        return


def _data(slug: str) -> Path:
    return home_of(slug) / "data"


def _walked(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.is_dir() or path.is_file():
            yield path


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
