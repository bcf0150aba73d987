"""The work horse: a child process of a worker that runs tasks, one at a time, dies with its worker, and is killed when
it must."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import mmap
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tasks import memory
from tasks.cancellation import STOP_SIGNAL
from tasks.line import Assignment, Done, Line

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
# How often a wait looks at the clock; a horse that ends, or that is to be killed, is noticed sooner.
TICK, TICK_BEFORE_KILL = 1.0, 0.2
# Seconds that a horse without a task has to end.
PATIENCE = 2.0
# Seconds between two looks at what the kernel has killed.
LOOK_EVERY = 1.0
MB = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


class HorseGone(Exception):
    """The horse died while it had no task: the task that was to be given to it has not begun."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a horse died with a task. `may_run_again`: it was not killed for being slow. `memory`: the bytes that it had
    used at most."""

    reason: str
    exit_code: int | None
    signal: str
    may_run_again: bool
    memory: int


class Horse:
    """A forked child that leads its own process group. It is given one task after another.

    Asked to stop one, it has that task's `grace` seconds; then the whole group is killed, as it is when the task has
    run for its `hard` limit. However the horse ends, its group ends with it. Which task is to be stopped stands on a
    page of memory that both see: a signal that comes late, when the horse has another task already, means nothing to
    that one.
    """

    def __init__(self, pid: int, line: socket.socket, page: mmap.mmap):
        self.pid = pid
        self.tasks = 0  # how many it was given
        self._line, self._page = line, page
        self._process = os.pidfd_open(pid)
        self._task: Assignment | None = None
        self._overdue_at = 0.0
        self._kill_at: float | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._kills = self._kills_before = memory.kills()
        self._looked_at = time.monotonic()

    @classmethod
    def fork(cls, serve: Callable[[Line], None]) -> Horse:
        """Fork; the child calls `serve` with its end of the line, and ends when that returns."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        page, parent = mmap.mmap(-1, mmap.PAGESIZE), os.getpid()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setpgid(0, 0)
                _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() == parent:  # else it died before the line above
                    ours.close()
                    serve(Line(theirs, page))
                    code = 0
            except BaseException:
                logger.exception("A work horse (pid %d) gives up.", os.getpid())
            finally:
                os._exit(code)
        theirs.close()
        with contextlib.suppress(OSError):  # the child may have done it, or be gone
            os.setpgid(child, child)
        return cls(child, ours, page)

    @property
    def is_alive(self) -> bool:
        return not self._ended and not select.select([self._process], [], [], 0)[0]

    def assign(self, task: Assignment) -> None:
        """Give it a task. Raises HorseGone."""
        with self._lock:
            self._task, self._kill_at = task, None
            if time.monotonic() - self._looked_at > LOOK_EVERY:
                self._look(twice=True)
            self._overdue_at = time.monotonic() + task.hard
            Line.mark(self._page, "")
            try:
                if not self.is_alive:
                    raise BrokenPipeError
                self._line.send(task.packed())
                self.tasks += 1
            except OSError as error:
                self._task = None
                raise HorseGone(str(error)) from error

    def ask_to_stop(self, task_id: str) -> None:
        """Tell that task to stop, and have it killed after its grace. From any thread; again tells it again. Nothing
        when the horse has another task, or none."""
        with self._lock:
            if self._task is not None and self._task.task_id == task_id and self.is_alive:
                if self._kill_at is None:
                    self._kill_at = time.monotonic() + self._task.grace
                Line.mark(self._page, task_id)
                os.kill(self.pid, STOP_SIGNAL)

    def kill(self) -> None:
        """SIGKILL to its process group. May be called from a signal handler of the thread that waits."""
        if not self._ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def wait(self, beat: Callable[[], None], interval: float) -> Done | Death:
        """Wait until its task has ended, calling `beat` every `interval` seconds; says how. A horse that is dead, or
        does not stay, is reaped."""
        overdue, ignored, beat_at = False, False, time.monotonic() + interval
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        poll.register(self._process, select.POLLIN)
        done, listens = None, True
        while done is None:
            ready = {descriptor for descriptor, _ in poll.poll(1000 * (TICK if self._kill_at is None
                                                                       else TICK_BEFORE_KILL))}
            if listens and self._line.fileno() in ready:
                done, listens = self._answer()
                if not listens:
                    poll.unregister(self._line)
                continue
            if self._process in ready:
                break
            now = time.monotonic()
            overdue = overdue or now >= self._overdue_at
            ignored = self._kill_at is not None and now >= self._kill_at
            if overdue or ignored:
                self.kill()
            if now - self._looked_at > LOOK_EVERY:
                self._look()
            if now >= beat_at:
                beat_at = now + interval
                beat()
        with self._lock:  # from here on nobody stops it
            task, self._task, self._kill_at = self._task, None, None
        if done is not None:
            if not done.stays:
                self.end()
            return done
        return self._death(*self._reap(), task, overdue, ignored)

    def end(self) -> None:
        """Have it end, when it has no task. After a moment it is killed."""
        if self._ended:
            return
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        if not select.select([self._process], [], [], PATIENCE)[0]:
            self.kill()
        self._reap()

    def _look(self, *, twice: bool = False) -> None:
        """Remember what the kernel has killed until now, and until the look before: one that is killed just now may be
        counted already, and not yet be gone."""
        self._kills_before, self._kills = self._kills, memory.kills()
        if twice:
            self._kills_before = self._kills
        self._looked_at = time.monotonic()

    def _answer(self) -> tuple[Done | None, bool]:
        """What it said, and whether it can say more."""
        try:
            data = self._line.recv(Line.LONGEST)
        except OSError:
            data = b""
        return (Done.unpacked(data), True) if data else (None, False)

    def _reap(self) -> tuple[int, int]:
        """Its exit code, negative for a signal, and the bytes that it had used at most."""
        with self._lock:  # still a zombie here, so nobody else can have its pid
            self.kill()  # what its tasks have begun and left behind
            self._ended = True
        _, status, usage = os.wait4(self.pid, 0)
        os.close(self._process)
        self._line.close()
        self._page.close()
        return os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024

    def _death(self, code: int, used: int, task: Assignment, overdue: bool, ignored: bool) -> Death:
        name = signal.Signals(-code).name if code < 0 else ""
        if overdue:
            reason = f"It ran longer than its hard limit of {task.hard:g} s, so it was killed."
        elif ignored:
            reason = f"It did not stop within {task.grace:g} s after it was told to, so it was killed."
        elif name == "SIGKILL" and self._kills_before.rose(now := memory.kills()):
            reason = _for_want_of_memory(used, sure=not now.everywhere)
        elif name:
            reason = f"Its process was killed by {name}."
        else:
            reason = f"Its process ended with exit code {code}."
        return Death(reason, None if name else code, name, may_run_again=not overdue, memory=used)


def _for_want_of_memory(used: int, *, sure: bool) -> str:
    most = memory.limit()
    bound = "the machine had no more" if most is None else f"with its worker it may use {most / MB:,.0f} MB"
    who = "It was killed by the kernel" if sure else "It was killed by SIGKILL, probably by the kernel"
    return f"{who} for want of memory: it had used up to {used / MB:,.0f} MB, and {bound}."
