"""What may be a secret, by its name or inside an address: one answer for everything that is shown."""

from __future__ import annotations

import re

MASK = "••••"
_NAME = re.compile(r"pass|pwd|secret|token|api[_-]?key|private|credential|auth|cookie|dsn|(^|[_-])key$", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)")


def is_secret(name: str) -> bool:
    """Whether what has this name (of a variable, of a parameter) should not be shown."""
    return bool(_NAME.search(name))


def without_credentials(text: str) -> str:
    """The text, with a mask where an address in it holds a password."""
    return _CREDENTIALS.sub(MASK, text)
