"""A command of Compose under way: its lines as they come, and its end whatever happens to us."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from projects.engines.base import EngineError
from projects.engines.process.processes import living, stat_of
from projects.engines.process.rundir import read_json, write_json

TERM_SECONDS = 3.0
KEPT_LINES = 200


class Running:
    """`words` run in a session of their own. Use it as a context: at its end they have ended, by force if need be.

    Its pid is kept in the stack's folder, so that a command which outlived a killed worker is found and ended.
    """

    def __init__(self, words: list[str], variables: Mapping[str, str], folder: Path, rundir: Path):
        self.words, self.variables, self.folder = words, dict(variables), folder
        self.mark = rundir / "compose-command.json"
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()

    def __enter__(self) -> Running:
        try:
            self.process = subprocess.Popen(
                self.words, env=self.variables, cwd=self.folder if self.folder.is_dir() else "/",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"{self.words[0]} cannot be run: {error.strerror}.") from error
        stat = stat_of(self.process.pid)
        write_json(str(self.mark), {"pid": self.process.pid, "start": stat.start if stat else 0})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process.pid, self.process)
        self._reader.join(2)
        self.process.stdout.close()
        self.mark.unlink(missing_ok=True)

    def ticks(self, every: float) -> Iterator[list[str]]:
        """The lines that came since the last one, at least so often, until the command has ended and all was read."""
        ended = False
        while not ended:
            fresh: list[str] = []
            deadline = time.monotonic() + every
            while (left := deadline - time.monotonic()) > 0:
                try:
                    line = self._queue.get(timeout=left)
                except queue.Empty:
                    break
                if line is None:
                    ended = True
                    break
                fresh.append(line)
            self.lines = [*self.lines, *fresh][-KEPT_LINES:]
            yield fresh
        self.process.wait()

    @property
    def code(self) -> int | None:
        return self.process.poll()

    def _read(self) -> None:
        for raw in self.process.stdout:
            for line in raw.decode("utf-8", "replace").replace("\r", "\n").splitlines():
                if line.strip():
                    self._queue.put(line.rstrip())
        self._queue.put(None)


def end(pid: int, process: subprocess.Popen | None = None) -> None:
    """End a command and what it started: the group that it leads."""
    def over() -> bool:
        if process is not None:
            return process.poll() is not None
        stat = stat_of(pid)
        return stat is None or not stat.alive

    if over():
        return
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, TERM_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
        deadline = time.monotonic() + seconds
        while not over() and time.monotonic() < deadline:
            time.sleep(0.02)
        if over():
            return


def end_left_over(rundir: Path) -> None:
    """End the command of a worker that was killed; nothing when there is none."""
    mark = rundir / "compose-command.json"
    content = read_json(str(mark))
    pid, start = content.get("pid"), content.get("start")
    if pid and start and living(pid, start) is not None:
        end(pid)
    mark.unlink(missing_ok=True)
