"""Two umasks: Hub's own files are for its user alone, while what it starts or checks out for people is as usual."""

from __future__ import annotations

import os

PRIVATE = 0o077
_usual = -1


def keep_private() -> None:
    """From now on, what this process and its children write is its user's alone. Again is harmless."""
    global _usual
    before = os.umask(PRIVATE)
    if _usual == -1:
        _usual = before


def usual() -> int:
    """The umask before `keep_private`; -1, for subprocess "as it is", when that was never called."""
    return _usual
