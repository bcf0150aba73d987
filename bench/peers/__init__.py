"""Celery, Dramatiq and Huey, each with two worker processes on the same Redis: what they are asked to do is nothing,
and they write to no database. Installed for the bench alone, from where pip is told to look."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"
FOLDER = HERE.parent.parent / "var" / "bench-peers"
TASKS, STARTED = 2000, 1800


@dataclass(frozen=True, slots=True)
class Peer:
    """`works`: the arguments of Python that start two worker processes; `queue`: the list that its tasks wait on."""

    name: str
    works: tuple[str, ...]
    queue: str
    database: int

    def _environment(self, socket: Path) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items()
                 if not name.startswith(("HUB_", "DJANGO_", "PYTHON"))}
        return {**plain, "PEER": self.name, "PEER_SOCKET": str(socket), "PEER_DATABASE": str(self.database)}

    def enqueue(self, python: Path, socket: Path, number: int = TASKS) -> list[float]:
        """Enqueue so many, and one; the seconds that each took."""
        done = subprocess.run([python, "enqueue.py", str(number)], cwd=HERE, env=self._environment(socket), check=True,
                              stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    def rate(self, python: Path, socket: Path, until: Callable[[Callable[[], bool], float], None]) -> float:
        """Tasks a second while 1,800 of those that wait are taken from the queue, at most a few of them before they are
        begun. `until(condition, pause)` waits."""
        client = Redis(unix_socket_path=str(socket), db=self.database)
        workers = subprocess.Popen([python, *self.works], cwd=HERE, env=self._environment(socket),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            until(lambda: client.llen(self.queue) <= STARTED, 0.005)
            began, left = time.perf_counter(), client.llen(self.queue)
            until(lambda: not client.llen(self.queue), 0.005)
            return left / (time.perf_counter() - began)
        finally:
            workers.terminate()
            try:
                workers.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(workers.pid, 9)
                workers.wait()
            client.flushdb()
            client.close()


PEERS = (
    Peer("celery", ("-m", "celery", "-A", "app", "worker", "-c", "2", "--without-gossip", "--without-mingle",
                    "--without-heartbeat", "-l", "ERROR"), "celery", 3),
    Peer("dramatiq", ("-m", "dramatiq", "app", "--processes", "2", "--threads", "1"), "dramatiq:default", 4),
    Peer("huey", ("-m", "huey.bin.huey_consumer", "app.app", "-w", "2", "-k", "process"), "huey.redis.peer", 5),
)


def python() -> Path | None:
    """The interpreter that has them, installed at the first run; None when pip cannot get them, which is said."""
    return installed(REQUIREMENTS, FOLDER, "Celery, Dramatiq and Huey")


def installed(requirements: Path, folder: Path, whom: str) -> Path | None:
    """The interpreter of an environment in this folder that has these requirements, made at the first run; None when
    pip cannot get them: then it is said who is not measured."""
    stamp, interpreter = folder / "installed", folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return interpreter
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, stdout=sys.stderr)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "--no-input", "-r", requirements], check=True,
                       stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{whom} are not measured: {error}", file=sys.stderr)
        return None
    stamp.write_text(requirements.read_text())
    return interpreter
