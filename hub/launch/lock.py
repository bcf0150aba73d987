"""One Hub per data folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path

from hub.launch.errors import LaunchError


class HubLock:
    """An exclusive lock on a data folder, released by the kernel when its holder dies.

    The locked file says who holds it: `{"pid", "address", "children": {name: pid}}`.
    """

    def __init__(self, data: Path):
        self.path = data / "hub.lock"
        self._descriptor: int | None = None

    def take(self, address: str) -> None:
        """Lock the folder. Raises LaunchError, naming the Hub that holds it."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LaunchError(f"{self.path} cannot be written: {error.strerror}. Set HUB_DATA, or mend it.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            other = self.holder()
            raise LaunchError(
                f"Hub already runs on {self.path.parent}: {other.get('address', 'address unknown')} "
                f"(pid {other.get('pid', 'unknown')}). Use that one, or set HUB_DATA to another folder."
            ) from None
        self._descriptor = descriptor
        self.describe(address, {})

    def describe(self, address: str, children: dict[str, int]) -> None:
        """Write down who holds the lock. Only the holder may. On a full disk the lock stays, and the text may not."""
        text = json.dumps({"pid": os.getpid(), "address": address, "children": children}).encode() + b"\n"
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, text, 0)
            os.ftruncate(self._descriptor, len(text))

    def holder(self) -> dict:
        """What the holder wrote; an empty dict when there is nothing to read."""
        try:
            return json.loads(self.path.read_text())
        except (OSError, ValueError):  # never held, or read while it was being written
            return {}

    def is_held(self) -> bool:
        """Whether a living process, this one included, holds the lock."""
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def close(self) -> None:
        """Let go of it in this process. A forked child does so first: its copy would keep the folder locked."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
