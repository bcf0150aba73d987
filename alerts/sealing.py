"""What channels need to know, encrypted at rest with Hub's key."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.conf import settings

from alerts.errors import AlertError


@cache
def _cipher() -> Any:
    from cryptography.fernet import Fernet  # 1.7 MB, of which a process that tells nobody needs nothing

    return Fernet(settings.ENCRYPTION_KEY)


def sealed(values: dict[str, str]) -> bytes:
    """The values, encrypted."""
    return _cipher().encrypt(json.dumps(values).encode())


def unsealed(content: bytes) -> dict[str, str]:
    """What `sealed` put away. Raises AlertError when the key is not the one that it was written with."""
    if not content:
        return {}
    from cryptography.fernet import InvalidToken  # see _cipher

    try:
        return json.loads(_cipher().decrypt(bytes(content)))
    except InvalidToken:
        raise AlertError("This channel cannot be decrypted: Hub's encryption key is another one. "
                         "Restore the key from the backup, or enter the channel anew.") from None
