"""The loop that keeps what is stored true: it rescues tasks and compares projects with what really runs.

A plain loop, not a task: it must work while Redis is away or every worker is dead. Many may run: one of all does what
is to be done once, and one of each node what can only be seen there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, close_old_connections, connection, connections

from alerts.courier import alert
from alerts.evaluator import EVERY as ALERTS_EVERY
from analytics import counting, sampling
from analytics.builder.sweeping import sweep
from events.context import acting
from events.relay.loop import Relay
from hub.scale import scale
from projects.reconcile import listen, reconcile
from tasks import limits
from tasks.ageing import age
from tasks.nodes.registry import BEAT_EVERY, NodeTaken, join
from tasks.rescue import rescue, rescue_here
from tasks.scheduler import tick
from tasks.search.filling import keep_up
from webhooks.dispatch import dispatch

logger = logging.getLogger(__name__)

# Names our lock among the advisory locks of a PostgreSQL database: "hub watch" has no better number than this one.
ADVISORY_LOCK = 4_872_001
HEARTBEAT_EVERY = 2.0
# Seconds after which a watch that should touch its file every two is taken for dead.
WATCH_STALE = 10.0
# Seconds that a pass may take to end by itself after SIGTERM.
GRACE = 0.7
# A step that is asked for sooner, and again and again, is done at most this often.
SOONEST = 0.5


# Who does a step: one watch of all, one of each node, or one of each node but where the first one is.
ONCE, PER_NODE, ELSEWHERE = "once", "per node", "elsewhere"


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do every so many seconds. It returns sentences about what it changed, for the log. `listen` is given
    what to call when it should be done sooner."""

    name: str
    every: float
    run: Callable[[], Sequence[str] | None]
    where: str = ONCE
    listen: Callable[[Callable[[], None]], None] | None = None


def steps_of(node: str) -> list[Step]:
    """What the watch of a node does."""
    return [
        Step("rescue", 2.0, rescue),
        # The other rescuer judges by what it hears of a worker; this one sees its process.
        Step("rescue here", 2.0, rescue_here, ELSEWHERE),
        Step("schedules", 1.0, tick),
        Step("scale", 2.0, scale, PER_NODE),
        Step("age", 2.0, age),
        Step("limits", 2.0, limits.review),
        Step("search", 1.0, keep_up),
        Step("webhooks", 1.0, dispatch),
        Step("alerts", ALERTS_EVERY, alert),
        Step("analytics", 1.0, counting.keep_up),
        Step("readings", 10.0, sampling.sample),
        Step("exports", 600.0, sweep, PER_NODE),
        Step("reconcile", 2.0, partial(reconcile, node), PER_NODE, listen),
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
    """For PostgreSQL: a session's advisory lock, on a connection of its own that is never recycled.

    Where the host is cut off, its connection has to end at the server too, or nobody could follow it: see ALIVE.
    """

    # The server gives up on a session that it does not hear of: after these seconds (milliseconds) without an answer.
    ALIVE = ("SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; "
             "SET tcp_user_timeout = 10000")

    def __init__(self, name: str = "") -> None:
        self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
        self._held = False
        # Two whole numbers of 32 bits name a lock as one of 64 does; those of nodes are not that of all.
        self._key = f"{ADVISORY_LOCK}, {zlib.crc32(name.encode()) - 2**31}" if name else f"{ADVISORY_LOCK}"

    def hold(self) -> bool:
        try:
            with self._connection.cursor() as cursor:
                if not self._held:
                    cursor.execute(self.ALIVE)
                cursor.execute("SELECT 1" if self._held else f"SELECT pg_try_advisory_lock({self._key})")
                self._held = bool(cursor.fetchone()[0])
        except Error:  # the session, and the lock with it, is gone
            self.release()
        return self._held

    def release(self) -> None:
        self._held = False
        self._connection.close()


def leadership(node: str = "") -> Leadership:
    """The lock that fits the database: of all watches, or of those of a node."""
    if connection.vendor == "postgresql":
        return DatabaseLeadership(node)
    return FileLeadership(Path(settings.HUB_DATA) / (f"watch.{node}.lock" if node else "watch.lock"))


class Watch:
    """Runs the steps until it is told to stop. A step that raises is logged, and hinders neither the others nor itself.

    Every two seconds one that leads touches `heartbeat`, a file, so that it can be seen while Redis and database are
    away; the one of a node says in the database that its node lives. The relay of events works beside the steps, in
    threads of its own, while this watch leads.
    """

    def __init__(self, steps: Sequence[Step] | None = None, leader: Leadership | None = None, node: str = "",
                 relay: Relay | None = None):
        self.node = node or settings.HUB_NODE
        self.steps = steps_of(self.node) if steps is None else steps
        self.leader = leader or leadership()
        self.relay = relay
        has_node = any(step.where != ONCE for step in self.steps)
        self.node_leader = leadership(self.node) if has_node else None
        self.heartbeat = heartbeat_file()
        self._joined, self._join_at = False, 0.0
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
        if self.relay is not None:
            self.relay.start()
        try:
            while not self._stop.is_set():
                self._wake.wait(self.once())
                self._wake.clear()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            if self.relay is not None:
                self.relay.stop()
            self.release()

    def once(self) -> float:
        """Do the steps that are this watch's and due; returns after how many seconds to come again."""
        places = self._places()
        if not places:
            return HEARTBEAT_EVERY
        self.heartbeat.touch(mode=0o600)
        self._pass(places)
        return self._pause(places)

    def release(self) -> None:
        """Let others lead."""
        self.leader.release()
        if self.node_leader is not None:
            self.node_leader.release()

    def _places(self) -> set[str]:
        """Which steps are this watch's just now."""
        places = {ONCE} if self.leader.hold() else set()
        if self.relay is not None:
            self.relay.lead(bool(places))
        if self.node_leader is not None and self.node_leader.hold():
            if time.monotonic() >= self._join_at:
                self._join_at = time.monotonic() + BEAT_EVERY
                self._guarded("node", BEAT_EVERY, self._join)
            if self._joined:
                places |= {PER_NODE} if places else {PER_NODE, ELSEWHERE}
        return places

    def _join(self) -> None:
        try:
            join(self.node, is_watch=True)
        except NodeTaken:
            self._joined = False  # its projects are another folder's
            raise
        self._joined = True

    def hurry(self, step: Step) -> None:
        """Do a step sooner than its turn. Called from any thread."""
        self._due[step.name] = min(self._due[step.name], self._began.get(step.name, 0.0) + SOONEST)
        self._wake.set()

    def _pass(self, places: set[str]) -> None:
        for step in self.steps:
            if self._stop.is_set() or time.monotonic() < self._due[step.name] or step.where not in places:
                continue
            self._began[step.name] = time.monotonic()
            self._due[step.name] = time.monotonic() + step.every
            self._guarded(step.name, step.every, step.run)

    def _guarded(self, name: str, every: float, run: Callable[[], Sequence[str] | None]) -> None:
        # Each pass is an action of its own, with its own correlation id, also where it says that it failed.
        with acting(actor="hub", via="watch"):
            try:
                close_old_connections()
                for sentence in run() or ():
                    logger.info("%s: %s", name, sentence)
                self._failures.pop(name, None)
            except Exception as error:
                # The whole story once, not every two seconds.
                known = self._failures.get(name) == repr(error)
                self._failures[name] = repr(error)
                logger.error("%s failed: %r; next try in %g s.", name, error, every, exc_info=not known)
                # A connection that broke half-way must not be met again by the next step.
                connections.close_all()

    def _pause(self, places: set[str]) -> float:
        """Seconds until the next step or heartbeat is due."""
        dues = [self._due[step.name] for step in self.steps if step.where in places]
        return max(0.05, min([HEARTBEAT_EVERY, *(due - time.monotonic() for due in dues)]))

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
