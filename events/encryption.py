"""What Hub keeps of others' secrets: encrypted with its own key, which is not in the database."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings


class WrongKey(ValueError):
    """It was encrypted with another key than the one Hub has now."""


@cache
def _cipher() -> Any:
    from cryptography.fernet import Fernet  # 1.7 MB, of which a worker that reads no secret needs nothing

    return Fernet(settings.ENCRYPTION_KEY)


def encrypt(content: bytes) -> bytes:
    """The content, encrypted with this Hub's key."""
    return _cipher().encrypt(content)


def decrypt(content: bytes) -> bytes:
    """What `encrypt` put away. Raises WrongKey."""
    from cryptography.fernet import InvalidToken  # see _cipher

    try:
        return _cipher().decrypt(bytes(content))
    except InvalidToken:
        raise WrongKey("It was encrypted with another key than the one Hub has now.") from None
