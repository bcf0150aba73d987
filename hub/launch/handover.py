"""`bin/web`: web as a service of its host, handed from one version of Hub to the next without a refused request.

It holds the listening socket and runs `bin/manage web` of the checkout, which answers. On SIGHUP it starts another one,
of what stands in the checkout's place by then, and tells the old one to end when the new one is ready: both accept from
one socket meanwhile, and what the old one has begun it finishes. A new one that does not get ready changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.env import EnvError, read_env
from hub.launch import port
from hub.launch.errors import LaunchError

# Seconds: in which a new one has to be ready; between two tries; in which all end when the service is stopped.
READY_WITHIN, PAUSE, STOP_WITHIN = 60.0, 2.0, 8.0
STATE = "web.json"


@dataclass
class Server:
    """A `manage.py web` that was started. `ready` is where it says that it can answer; None when it has said so."""

    process: subprocess.Popen
    release: str
    ready: int | None
    began: float = field(default_factory=time.monotonic)

    def end(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def close(self) -> None:
        if self.ready is not None:
            os.close(self.ready)
            self.ready = None


class Handover:
    """The servers, of which one is `serving`, one may be `coming`, and others are `leaving`.

    What happens is written to `web.json` in the data folder: `{"pid", "serving": {"pid", "release"} | null, "coming":
    the same, "failed": {"release", "why"} | null}`.
    """

    def __init__(self, place: Path, data: Path, sock: socket.socket):
        self.place, self.data, self.sock = place, data, sock
        self.serving: Server | None = None
        self.coming: Server | None = None
        self.leaving: list[Server] = []
        self.failed: dict[str, str] | None = None
        self._due = 0.0
        self._stop = self._reload = False
        self._wake, wake = socket.socketpair()
        for end in (self._wake, wake):
            end.setblocking(False)
        self._wake_write = wake
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._heard)

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        while not self._stop:
            if self._reload:
                self._reload = False
                self._give_up("another one was asked for")
                self._begin()
            elif self.serving is None and self.coming is None and time.monotonic() >= self._due:
                self._begin()
            self._rest()
            self._look()
        self._end()

    def _heard(self, number: int, frame: Any) -> None:
        self._reload |= number == signal.SIGHUP
        self._stop |= number in (signal.SIGTERM, signal.SIGINT)

    def _begin(self) -> None:
        read, write = os.pipe()
        release = str(self.place.resolve())
        try:
            process = subprocess.Popen(
                [self.place / "bin" / "manage", "web", "--socket", str(self.sock.fileno()), "--ready", str(write)],
                stdin=subprocess.DEVNULL, pass_fds=(self.sock.fileno(), write),
            )  # fmt: skip
        except OSError as error:
            os.close(read)
            self._note_failure(release, f"it cannot be started: {error.strerror}")
            return
        finally:
            os.close(write)
        os.set_blocking(read, False)
        self.coming = Server(process, release, read)
        self._write()

    def _rest(self) -> None:
        """Until something happens, a second at most."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake, selectors.EVENT_READ)
            if self.coming is not None:
                selector.register(self.coming.ready, selectors.EVENT_READ)
            selector.select(1.0)
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    def _look(self) -> None:
        self.leaving = [one for one in self.leaving if one.process.poll() is None]
        if self.coming is not None:
            self._look_at(self.coming)
        if self.serving is not None and self.serving.process.poll() is not None:
            print(f"hub: web of {self.serving.release} has ended ({self.serving.process.returncode}).", flush=True)
            self.serving = None
            self._write()

    def _look_at(self, coming: Server) -> None:
        try:
            said = os.read(coming.ready, 16)
        except BlockingIOError:
            if time.monotonic() - coming.began > READY_WITHIN:
                self._give_up(f"it was not ready after {READY_WITHIN:g} s")
            return
        if not said:
            self._give_up("it has ended")
            return
        coming.close()
        old, self.serving, self.coming, self.failed = self.serving, coming, None, None
        if old is not None:
            old.end(signal.SIGTERM)
            self.leaving.append(old)
        print(f"hub: web of {coming.release} answers.", flush=True)
        self._write()

    def _give_up(self, why: str) -> None:
        if self.coming is None:
            return
        coming, self.coming = self.coming, None
        coming.close()
        coming.end(signal.SIGKILL)
        coming.process.wait()
        self._note_failure(coming.release, why)

    def _note_failure(self, release: str, why: str) -> None:
        self.failed, self._due = {"release": release, "why": why}, time.monotonic() + PAUSE
        print(f"hub: web of {release} did not come: {why}.", flush=True)
        self._write()

    def _end(self) -> None:
        self.sock.close()
        servers = [one for one in (self.serving, self.coming, *self.leaving) if one is not None]
        for one in servers:
            one.end(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        for one in servers:
            try:
                one.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()
        (self.data / STATE).unlink(missing_ok=True)

    def _write(self) -> None:
        def told(one: Server | None) -> dict[str, Any] | None:
            return one and {"pid": one.process.pid, "release": one.release}

        text = json.dumps({"pid": os.getpid(), "serving": told(self.serving), "coming": told(self.coming),
                           "failed": self.failed})
        new = self.data / f".{STATE}.new"
        try:
            new.write_text(text)
            new.replace(self.data / STATE)
        except OSError as error:  # a full disk is no reason to answer nobody
            print(f"hub: {self.data / STATE} cannot be written: {error.strerror}.", flush=True)


def main(place: str) -> None:
    """Serve the checkout at `place`, which may be a link to one, at HUB_HOST and HUB_PORT."""
    try:
        env = read_env()
        sock = port.listen(env.host, env.port)
    except (EnvError, LaunchError) as error:
        sys.exit(f"hub: {error}")
    print(f"hub: web listens at {port.address(env.host, env.port)}", flush=True)
    Handover(Path(place), env.data, sock).run()
