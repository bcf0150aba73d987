"""How much a folder holds."""

from __future__ import annotations

import os
import time

SECONDS = 0.5


def size_of(folder: str | os.PathLike[str]) -> int | None:
    """Bytes that the files below a folder take on disk; None when counting them would take longer than half a second.
    What vanishes or cannot be read while it counts is left out."""
    deadline, total = time.monotonic() + SECONDS, 0
    for path, _, names in os.walk(folder):
        if time.monotonic() > deadline:
            return None
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
            except OSError:  # removed or locked away meanwhile
                continue
    return total
