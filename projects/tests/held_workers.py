"""Workers whose starts stop at each stage, to be killed or cancelled there.

One process (`held_forker`) loads Hub, and forks a worker whenever it is told to: that takes a moment only. The workers
are real ones, in sessions of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rq.command import PUBSUB_CHANNEL_TEMPLATE

from conftest import REPOSITORY, process_environment
from projects.tests.engines.processes_seen import kill, until, variables_of
from tasks import queue

MARK = "HUB_TEST_MARK"


@dataclass(frozen=True)
class Held:
    """A start that has stopped at a stage. `plan`: the stages that it has."""

    stage: str
    plan: list[str]
    pid: int


class HeldWorkers:
    """Use it as a context. `mark` is in the environment of all that the workers start."""

    def __init__(self, folder: Path, environ: dict[str, str]):
        self.folder, self.mark = folder, str(folder)
        self.environ = {**process_environment(), **environ, MARK: self.mark}
        self.pid = 0
        self._count = 0

    def __enter__(self) -> HeldWorkers:
        self._log = (self.folder / "workers.log").open("wb")
        self._mother = subprocess.Popen(
            [sys.executable, "-m", "projects.tests.held_forker", str(self.folder)], cwd=REPOSITORY, env=self.environ,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._mother.stdin.close()
        self._mother.wait(10)
        self._mother.stdout.close()
        self._log.close()
        print((self.folder / "workers.log").read_text())

    def begin(self) -> None:
        """Have a new worker, in the place of one that was killed."""
        self._count += 1
        name = f"held-{os.getpid()}-{self._count}-{time.monotonic_ns()}"
        self._mother.stdin.write(f"{name}\n")
        self._mother.stdin.flush()
        said = self._mother.stdout.readline()
        assert said, (self.folder / "workers.log").read_text()
        self.pid = int(said)
        # What it is told before it has subscribed, it does not hear.
        channel = PUBSUB_CHANNEL_TEMPLATE % name
        until(lambda: queue.connection().pubsub_numsub(channel)[0][1], 30, "the worker listens")

    def kill(self) -> None:
        """kill -9, and see it gone with the process that worked for it."""
        if not self.pid:
            return
        own = [self.pid, *self._horses()]
        kill(self.pid)
        until(lambda: not any(_lives(pid) for pid in own), 10, "worker and work horse are gone")
        self.pid = 0

    def held(self) -> Held | None:
        """The start that waits at a stage now."""
        try:
            return Held(**json.loads((self.folder / "held").read_text()))
        except FileNotFoundError:
            return None

    def go_on(self, stage: str) -> None:
        """No start stops at that stage any more."""
        (self.folder / "held").unlink()
        with (self.folder / "tried").open("a") as tried:
            tried.write(f"{stage}\n")

    def strays(self) -> list[str]:
        """What the workers have started, and lives without them."""
        own = {self._mother.pid, self.pid, *self._horses()}
        return [" ".join(one.info["cmdline"] or [one.info["name"]])
                for one in psutil.process_iter(["pid", "name", "cmdline", "status"])
                if one.info["pid"] not in own and one.info["status"] != psutil.STATUS_ZOMBIE
                and variables_of(one.info["pid"]).get(MARK) == self.mark]

    def _horses(self) -> list[int]:
        try:
            return [one.pid for one in psutil.Process(self.pid).children()] if self.pid else []
        except psutil.NoSuchProcess:
            return []


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
