"""Workers and a `watch`, as processes of their own that anybody may kill."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tasks import queue

REPOSITORY = Path(__file__).resolve().parents[3]
LANES = ("default", "metrics", "reports")
_numbers = itertools.count(1)


class Fleet:
    """One worker for each entry of `lanes`, and a `watch` if wanted, while the block lasts; `environ` is what they see.
    Their logs are `folder/worker.log` and `folder/watch.log`."""

    def __init__(self, folder: Path, environ: dict[str, str], lanes: Sequence[Sequence[str]] = (("default",),), *,
                 watch: bool = True):
        self.folder, self._lanes, self._watched = folder, lanes, watch
        self._environ = {**environ, "DJANGO_SETTINGS_MODULE": "tasks.tests.settings"}
        self.workers: list[subprocess.Popen | None] = [None] * len(lanes)
        self.names: list[str] = [""] * len(lanes)
        self.watch: subprocess.Popen | None = None

    def __enter__(self) -> Fleet:
        self.tend()
        return self

    def __exit__(self, *_: Any) -> None:
        mine = [process for process in (*self.workers, self.watch) if process is not None]
        for process in mine:
            process.terminate()
        for process in mine:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def tend(self) -> None:
        """Start whoever is not there, or has died."""
        for place, worker in enumerate(self.workers):
            if worker is None or worker.poll() is not None:
                self.names[place] = f"fire-{os.getpid()}-{next(_numbers)}"
                self.workers[place] = self._start("worker", "--name", self.names[place], "--lanes",
                                                  ",".join(self._lanes[place]))
        if self._watched and (self.watch is None or self.watch.poll() is not None):
            self.watch = self._start("watch")

    def until_ready(self, patience: float = 60.0) -> None:
        """Wait until every worker listens."""
        until(lambda: set(self.names) <= {worker.name for worker in queue.workers_alive()}, patience)

    def said(self) -> str:
        """All that they have logged."""
        return "".join(log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log")))

    def _start(self, *arguments: str) -> subprocess.Popen:
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, str(REPOSITORY / "manage.py"), *arguments], cwd=REPOSITORY,
                                    env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    start_new_session=True)


def until(holds: Callable[[], Any], patience: float, pause: float = 0.02) -> Any:
    """Ask until the answer is true, and return it; TimeoutError after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (answer := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not true within {patience:g} s.")
        time.sleep(pause)
    return answer
