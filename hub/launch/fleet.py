"""The workers of `up`: as many as were decided. Who decides writes the number into a file in the data folder, for `up`
itself opens no connection and asks nobody."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from hub.env import MOST_WORKERS, Env
from hub.launch.children import Child, Children

PREFIX = "worker-"


def wanted(data: Path) -> int | None:
    """How many workers were decided on; None when nobody has decided yet."""
    try:
        return int((data / "workers.wanted").read_text())
    except (OSError, ValueError):
        return None


def want(data: Path, number: int) -> None:
    """Write down how many workers there should be."""
    if wanted(data) != number:
        new = data / ".workers.wanted"
        new.write_text(str(number))
        os.replace(new, data / "workers.wanted")


class Fleet:
    """Adds workers while there are too few. One that ends while there are too many is not started again."""

    def __init__(self, children: Children, env: Env, run: Callable[[], int | None], stop_within: float):
        self._children, self._env, self._run, self._stop_within = children, env, run, stop_within
        with contextlib.suppress(FileNotFoundError):
            (env.data / "workers.wanted").unlink()

    def look(self) -> bool:
        """Start the workers that are missing. False: it is never done."""
        names = set(self._names())
        number = 0
        while len(names) < self._wanted():
            number += 1
            if (name := f"{PREFIX}{number}") not in names:
                names.add(name)
                self._children.add(Child(name, self._run, stop_within=self._stop_within, is_needed=self._is_needed))
        return False

    def _wanted(self) -> int:
        """What was decided, also when that is by hand beyond the bounds of the environment."""
        number = wanted(self._env.data) or self._env.workers
        return min(max(number, 1), MOST_WORKERS)

    def _is_needed(self) -> bool:
        return len(self._names()) <= self._wanted()

    def _names(self) -> list[str]:
        return [name for name in self._children.names() if name.startswith(PREFIX)]
