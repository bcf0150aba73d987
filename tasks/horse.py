"""The work horse: a child process of a worker that runs one task, dies with its worker, and is killed when it must."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tasks.cancellation import STOP_SIGNAL

PR_SET_PDEATHSIG = 1
# How often a wait looks at the clock; a horse that ends, or that is to be killed, is noticed sooner.
TICK, TICK_BEFORE_KILL = 1.0, 0.2
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Death:
    """How a horse died that did not end by itself with code 0. `may_run_again`: it was not killed for being slow."""

    reason: str
    exit_code: int | None
    signal: str
    may_run_again: bool


class Horse:
    """A forked child that leads its own process group. Asked to stop, it has `grace` seconds, and however long
    that takes, `limit` seconds from its beginning. Then the whole group is killed."""

    def __init__(self, pid: int, task_id: str, limit: float, grace: float):
        self.pid, self.task_id = pid, task_id
        self._limit, self._grace = limit, grace
        self._overdue_at = time.monotonic() + limit
        self._kill_at: float | None = None
        self._lock = threading.Lock()
        self._ended = False

    @classmethod
    def fork(cls, task_id: str, limit: float, grace: float, run: Callable[[], None]) -> Horse:
        """Fork; the child calls `run`, which must not return, and holds HUB_TASK in its environment."""
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            try:
                os.setpgid(0, 0)
                _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() == parent:  # else it died before the line above
                    os.environ["HUB_TASK"] = task_id
                    run()
            finally:
                os._exit(1)
        with contextlib.suppress(OSError):  # the child may have done it, or be gone
            os.setpgid(child, child)
        return cls(child, task_id, limit, grace)

    def ask_to_stop(self) -> None:
        """Tell its job to stop, and have it killed after its grace. From any thread; again tells it again."""
        with self._lock:
            if not self._ended:
                if self._kill_at is None:
                    self._kill_at = time.monotonic() + self._grace
                os.kill(self.pid, STOP_SIGNAL)

    def kill(self) -> None:
        """SIGKILL to its process group. May be called from a signal handler of the thread that waits."""
        if not self._ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def wait(self, beat: Callable[[], None], interval: float) -> Death | None:
        """Wait until it has ended, calling `beat` every `interval` seconds; None when it ended by itself, in order."""
        overdue, ignored, beat_at = False, False, time.monotonic() + interval
        descriptor = os.pidfd_open(self.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            while not poll.poll(1000 * (TICK if self._kill_at is None else TICK_BEFORE_KILL)):
                now = time.monotonic()
                overdue = overdue or now >= self._overdue_at
                ignored = self._kill_at is not None and now >= self._kill_at
                if overdue or ignored:
                    self.kill()
                if now >= beat_at:
                    beat_at = now + interval
                    beat()
        finally:
            os.close(descriptor)
        with self._lock:  # still a zombie here, so nobody else can have its pid
            self._ended = True
        _, status = os.waitpid(self.pid, 0)
        return self._death(os.waitstatus_to_exitcode(status), overdue, ignored)

    def _death(self, code: int, overdue: bool, ignored: bool) -> Death | None:
        if code == 0:
            return None
        name = signal.Signals(-code).name if code < 0 else ""
        if overdue:
            reason = f"It ran longer than its hard limit of {self._limit:g} s, so it was killed."
        elif ignored:
            reason = f"It did not stop within {self._grace:g} s after it was told to, so it was killed."
        elif name:
            reason = f"Its process was killed by {name}."
        else:
            reason = f"Its process ended with exit code {code}."
        return Death(reason, None if name else code, name, may_run_again=not overdue)
