"""The keys of a Hub, apart from its backups: whoever holds both can read every secret."""

from __future__ import annotations

import json
import os
from pathlib import Path

from django.conf import settings

from hub.backups.errors import BackupError

KNOWN = b"hub"
FIELDS = {"hub_id", "secret_key", "encryption_key"}


def write_keys(path: Path) -> Path:
    """Write the keys of this Hub to a new file of mode 0600. Raises BackupError where there is one already."""
    content = {"hub_id": settings.HUB_ID, "secret_key": settings.SECRET_KEY, "encryption_key": settings.ENCRYPTION_KEY}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.", "Choose the path of a new file.") from None
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    return path


def read_keys(path: Path) -> dict[str, str]:
    """What `write_keys` wrote. Raises BackupError."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.", "Name the file of keys.") from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or set(content) != FIELDS or not all(isinstance(v, str) for v in content.values()):
        raise BackupError(f"{path} is no file of keys.", "Name what `manage.py backup keys` wrote.")
    return content


def key_check() -> str:
    """A known word, encrypted with the key of this Hub."""
    from cryptography.fernet import Fernet  # a worker carries it only when it needs it

    return Fernet(settings.ENCRYPTION_KEY).encrypt(KNOWN).decode()


def fits(key: str, check: str) -> bool:
    """Whether it is the key that a `key_check` was made with."""
    from cryptography.fernet import Fernet, InvalidToken  # see key_check

    try:
        return Fernet(key).decrypt(check.encode()) == KNOWN
    except (InvalidToken, ValueError):
        return False
