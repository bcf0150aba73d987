"""The loop that keeps what is stored true: it rescues tasks and compares projects with what really runs.

A plain loop, not a task: it must work while Redis is away or every worker is dead. Many may run; one is the leader.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, close_old_connections, connection, connections

from events.context import acting
from hub.scale import scale
from projects.reconcile import listen, reconcile
from tasks import limits
from tasks.ageing import age
from tasks.rescue import rescue
from tasks.scheduler import tick

logger = logging.getLogger(__name__)

# Names our lock among the advisory locks of a PostgreSQL database: "hub watch" has no better number than this one.
ADVISORY_LOCK = 4_872_001
HEARTBEAT_EVERY = 2.0
# Seconds that a pass may take to end by itself after SIGTERM.
GRACE = 0.7
# A step that is asked for sooner, and again and again, is done at most this often.
SOONEST = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do every so many seconds. It returns sentences about what it changed, for the log. `listen` is given
    what to call when it should be done sooner."""

    name: str
    every: float
    run: Callable[[], Sequence[str] | None]
    listen: Callable[[Callable[[], None]], None] | None = None


STEPS = [
    Step("rescue", 2.0, rescue),
    Step("schedules", 1.0, tick),
    Step("scale", 2.0, scale),
    Step("age", 2.0, age),
    Step("limits", 2.0, limits.review),
    Step("reconcile", 2.0, reconcile, listen),
]


class Leadership(Protocol):
    """A lock that the kernel or the database lets go of when its holder dies."""

    def hold(self) -> bool:
        """Take it, or see that it is still held. False when another watch has it."""
        ...

    def release(self) -> None: ...


class FileLeadership:
    """For SQLite, where every process of a Hub is on one machine: a lock on a file."""

    def __init__(self, path: Path):
        self._file = open(path, "ab")  # noqa: SIM115 - it stays open as long as the process lives

    def hold(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        self._file.close()


class DatabaseLeadership:
    """For PostgreSQL: a session's advisory lock, on a connection of its own that is never recycled."""

    def __init__(self) -> None:
        self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
        self._held = False

    def hold(self) -> bool:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT 1" if self._held else f"SELECT pg_try_advisory_lock({ADVISORY_LOCK})")
                self._held = bool(cursor.fetchone()[0])
        except Error:  # the session, and the lock with it, is gone
            self.release()
        return self._held

    def release(self) -> None:
        self._held = False
        self._connection.close()


def leadership() -> Leadership:
    """The lock that fits the database."""
    if connection.vendor == "postgresql":
        return DatabaseLeadership()
    return FileLeadership(Path(settings.HUB_DATA) / "watch.lock")


class Watch:
    """Runs the steps until it is told to stop. A step that raises is logged, and hinders neither the others nor itself.

    Every two seconds the leader touches `heartbeat`, a file, so that it can be seen while Redis and database are away.
    """

    def __init__(self, steps: Sequence[Step] | None = None, leader: Leadership | None = None):
        self.steps = STEPS if steps is None else steps
        self.leader = leader or leadership()
        self.heartbeat = heartbeat_file()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._failures: dict[str, str] = {}
        self._due = {step.name: 0.0 for step in self.steps}
        self._began: dict[str, float] = {}

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT; must be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGALRM, _give_up)
        for step in self.steps:
            if step.listen is not None:
                step.listen(lambda step=step: self.hurry(step))
        try:
            while not self._stop.is_set():
                if self.leader.hold():
                    self.heartbeat.touch(mode=0o600)
                    self._pass()
                    self._wake.wait(self._pause())
                    self._wake.clear()
                else:
                    self._stop.wait(HEARTBEAT_EVERY)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.leader.release()

    def hurry(self, step: Step) -> None:
        """Do a step sooner than its turn. Called from any thread."""
        self._due[step.name] = min(self._due[step.name], self._began.get(step.name, 0.0) + SOONEST)
        self._wake.set()

    def _pass(self) -> None:
        for step in self.steps:
            if self._stop.is_set() or time.monotonic() < self._due[step.name]:
                continue
            self._began[step.name] = time.monotonic()
            self._due[step.name] = time.monotonic() + step.every
            try:
                # Each pass is an action of its own, with its own correlation id.
                with acting(actor="hub", via="watch"):
                    close_old_connections()
                    for sentence in step.run() or ():
                        logger.info("%s: %s", step.name, sentence)
                self._failures.pop(step.name, None)
            except Exception as error:
                # The whole story once, not every two seconds.
                known = self._failures.get(step.name) == repr(error)
                self._failures[step.name] = repr(error)
                logger.error("%s failed: %r; next try in %g s.", step.name, error, step.every, exc_info=not known)
                # A connection that broke half-way must not be met again by the next step.
                connections.close_all()

    def _pause(self) -> float:
        """Seconds until the next step or heartbeat is due."""
        return max(0.05, min([HEARTBEAT_EVERY, *(due - time.monotonic() for due in self._due.values())]))

    def _asked_to_stop(self, number: int, frame: Any) -> None:
        self._stop.set()
        self._wake.set()
        signal.setitimer(signal.ITIMER_REAL, GRACE)


def _give_up(number: int, frame: Any) -> None:
    """A pass hangs, on Redis or a stack, after SIGTERM: all of them can be cut off anywhere and begun again."""
    raise SystemExit(0)


def heartbeat_file() -> Path:
    """The file whose time of modification says when a leading watch was last alive."""
    return Path(settings.HUB_DATA) / "watch.heartbeat"


def heartbeat_age() -> float | None:
    """Seconds since a leading watch was last alive, None when there never was one."""
    try:
        return max(0.0, time.time() - os.stat(heartbeat_file()).st_mtime)
    except FileNotFoundError:
        return None
