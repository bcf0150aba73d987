"""The processes that make up a Hub: started, watched, restarted, stopped."""

from __future__ import annotations

import io
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from hub.launch.fork import Closable, fork
from hub.launch.output import Output

FIRST_DELAY = 0.2
LAST_DELAY = 5.0
# A child that lived this long (seconds) was well: its next death begins with the first delay again.
WELL_AFTER = 10.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Somebody asked `up` to stop (Ctrl-C, SIGTERM, or the terminal was closed)."""


@dataclass
class Child:
    """A process that is started again when it ends while it `is_needed`. `run` is what it does; `stop_within` the
    seconds it has to end."""

    name: str
    run: Callable[[], int | None]
    stop_within: float = 5.0
    keeps: tuple[Closable, ...] = ()
    is_needed: Callable[[], bool] = lambda: True
    pid: int | None = None
    started: float = 0.0
    delay: float = FIRST_DELAY
    due: float = 0.0


class Children:
    """All children of `up`, and the one loop that looks after them.

    `inherited` is what `up` holds open and a child closes, unless the child keeps it. Signals only set a flag and wake
    the loop, which then reaps, restarts or raises Interrupted: nothing happens inside a signal handler.
    """

    def __init__(self, output: Output, inherited: list[Closable], changed: Callable[[dict[str, int]], None]):
        self.output = output
        self._changed = changed
        self._requests = 0
        self._children: list[Child] = []
        # Exit statuses (wait(2)) of the processes that somebody waits for; None while they live.
        self._awaited: dict[int, int | None] = {}
        self._selector = selectors.DefaultSelector()
        self._wake_read, wake_write = socket.socketpair()
        for end in (self._wake_read, wake_write):
            end.setblocking(False)
        self._inherited = [*inherited, self._selector, wake_write]
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            # Under nohup the end of the terminal is not the end of Hub.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._stop_requested)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def add(self, child: Child) -> None:
        """Start a child, and keep it alive from now on."""
        self._children.append(child)
        self._start(child)

    def run(self, name: str, work: Callable[[], int | None]) -> int:
        """Run something in a process of its own until it ends. Its exit code, or minus the number of its signal.

        Raises Interrupted, and ends the process, when somebody asks to stop meanwhile.
        """
        self._check()
        pid = self._fork(name, work)
        try:
            self._wait(lambda: self._awaited[pid] is not None, check=True)
        except Interrupted:
            self._end(pid, 5.0)
            raise
        return os.waitstatus_to_exitcode(self._awaited.pop(pid))

    def finish(self, name: str, work: Callable[[], int | None], seconds: float) -> None:
        """Run something short to the end although `up` is stopping, for so many seconds at most."""
        pid = self._fork(name, work)
        if not self._wait(lambda: self._awaited[pid] is not None, seconds):
            self._end(pid, 0.0)

    def wait(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Look after everything until the condition holds (True) or the time is over (False). Raises Interrupted.

        The condition is asked once a second at least; it may add children.
        """
        return self._wait(condition, seconds, check=True)

    def stop(self, *names: str) -> None:
        """Stop the children of these names (none: all), at once, each within its own time; then kill what is left."""
        wanted = [child for child in self._children if not names or child.name in names]
        self._children = [child for child in self._children if child not in wanted]
        alive = {child.pid: child for child in wanted if child.pid is not None}
        deadlines = {pid: time.monotonic() + child.stop_within for pid, child in alive.items()}
        for pid in alive:
            self._awaited[pid] = None
            os.kill(pid, signal.SIGTERM)

        def over() -> bool:
            for pid in [pid for pid in alive if self._awaited[pid] is not None]:
                del alive[pid], self._awaited[pid]
            for pid, child in alive.items():
                # Asked twice: whoever asks does not want to wait.
                if self._requests > 1 or time.monotonic() > deadlines[pid]:
                    deadlines[pid] = float("inf")
                    os.kill(pid, signal.SIGKILL)
                    self.output.say(f"{child.name} had not stopped after {child.stop_within:g} s and was killed.")
            return not alive

        self._wait(over)

    def pids(self) -> dict[str, int]:
        """The living children."""
        return {child.name: child.pid for child in self._children if child.pid is not None}

    def names(self) -> list[str]:
        """All children, also those that wait to be started again."""
        return [child.name for child in self._children]

    def _fork(self, name: str, work: Callable[[], int | None]) -> int:
        pid = fork(name, work, output=None, close=self._to_close())
        self._awaited[pid] = None
        return pid

    def _end(self, pid: int, seconds: float) -> None:
        os.kill(pid, signal.SIGTERM)
        if not self._wait(lambda: self._awaited[pid] is not None, seconds):
            os.kill(pid, signal.SIGKILL)
        self._wait(lambda: self._awaited[pid] is not None)
        del self._awaited[pid]

    def _start(self, child: Child) -> None:
        child.started = time.monotonic()
        try:
            read, write = os.pipe()
            reader = os.fdopen(read, "rb", buffering=0)
            try:
                child.pid = fork(child.name, child.run, output=write, close=[reader, *self._to_close(child.keeps)])
            finally:
                os.close(write)
        except OSError as error:  # no process or file left on this machine: perhaps there is one later
            self._again(child, f"cannot be started: {error.strerror}")
            return
        os.set_blocking(reader.fileno(), False)
        self._selector.register(reader, selectors.EVENT_READ, child.name)
        self._changed(self.pids())

    def _to_close(self, keeps: tuple[Closable, ...] = ()) -> list[Closable]:
        readers = [key.fileobj for key in self._selector.get_map().values()]
        return [*readers, *(resource for resource in self._inherited if resource not in keeps)]

    def _wait(self, condition: Callable[[], bool], seconds: float | None = None, *, check: bool = False) -> bool:
        deadline = None if seconds is None else time.monotonic() + seconds
        while not condition():
            if check:
                self._check()
            if deadline is not None and time.monotonic() >= deadline:
                return False
            self._turn(1.0 if check and deadline is None else 0.05)
        return True

    def _check(self) -> None:
        if self._requests:
            raise Interrupted

    def _turn(self, seconds: float) -> None:
        """One round: what was written, who ended, who is due to be started again."""
        due = [child.due for child in self._children if child.pid is None]
        if due:
            seconds = max(0.0, min(seconds, min(due) - time.monotonic()))
        for key, _ in self._selector.select(seconds):
            if key.fileobj is self._wake_read:
                self._drain()
            else:
                self._read(key.fileobj, key.data)
        self.output.flush()
        self._reap()
        for child in self._children:
            if child.pid is None and child.due <= time.monotonic():
                self._start(child)

    def _read(self, reader: io.FileIO, name: str) -> None:
        data = reader.read(65536)
        if data:
            self.output.feed(name, data)
        elif data == b"":
            self.output.end(name)
            self._selector.unregister(reader)
            reader.close()

    def _reap(self) -> None:
        while True:
            try:
                # Any child, also those of others: as process 1 of a container, orphans become ours.
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self._awaited:
                self._awaited[pid] = status
            for child in list(self._children):
                if child.pid == pid:
                    child.pid = None
                    if child.is_needed():
                        self._again(child, f"ended ({ending(status)})")
                    else:
                        self._children.remove(child)
                        self.output.say(f"{child.name} has ended; it is not needed any more.")
                    self._changed(self.pids())

    def _again(self, child: Child, reason: str) -> None:
        now = time.monotonic()
        if now - child.started > WELL_AFTER:
            child.delay = FIRST_DELAY
        child.due = now + child.delay
        self.output.say(f"{child.name} {reason}; it is started again in {child.delay:g} s.")
        child.delay = min(child.delay * 2, LAST_DELAY)

    def _drain(self) -> None:
        try:
            while self._wake_read.recv(4096):
                continue
        except BlockingIOError:
            return

    def _stop_requested(self, number: int, frame: object) -> None:
        self._requests += 1


def ending(status: int) -> str:
    """How a process ended, for people: `exit code 1`, `signal 9, SIGKILL`."""
    code = os.waitstatus_to_exitcode(status)
    return f"exit code {code}" if code >= 0 else f"signal {-code}, {signal.Signals(-code).name}"
