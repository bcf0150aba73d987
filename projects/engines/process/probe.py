"""Asks a service whether it answers, without ever waiting for it. Lean on purpose: the supervisor imports it."""

import select
import socket
import time

# A server that is cut off in the middle of its answer may complain in its log, so the answer is read to its end,
# within these bounds.
DRAIN_SECONDS, DRAIN_BYTES = 0.2, 256 * 1024
LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class Probe:
    """One question to one port on both loopback addresses: does it accept (`tcp`), does it answer GET `path` below
    500 (`http`)?

    `advance()` gives True or False once it is known, None while it is open; `sockets()` are what to poll for.
    """

    def __init__(self, kind: str, port: int, path: str, patience: float):
        self.kind, self.deadline = kind, time.monotonic() + patience
        self.request = f"GET {path} HTTP/1.0\r\nHost: localhost:{port}\r\nUser-Agent: hub\r\n\r\n".encode()
        self.good = False
        # What each socket has said; None while it is not connected.
        self.talks: dict[socket.socket, bytes | None] = {}
        for family, address in LOOPBACKS:
            try:
                talk = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            except OSError:
                # A machine without IPv6 has only one loopback address to ask.
                continue
            talk.connect_ex((address, port))
            self.talks[talk] = None

    def sockets(self) -> dict[socket.socket, int]:
        """Each open socket with the poll events it waits for."""
        return {
            talk: select.POLLOUT if answer is None else select.POLLIN for talk, answer in self.talks.items()
        }

    def advance(self) -> bool | None:
        poller = select.poll()
        for talk, events in self.sockets().items():
            poller.register(talk, events)
        by_number = {talk.fileno(): talk for talk in self.talks}
        for number, _ in poller.poll(0):
            self._hear(by_number[number])
        if self.talks and time.monotonic() < self.deadline:
            return None
        self.close()
        return self.good

    def close(self) -> None:
        for talk in self.talks:
            talk.close()
        self.talks = {}

    def _hear(self, talk: socket.socket) -> None:
        """Take one step with a socket that has news, and drop it when there is no more to hear."""
        try:
            if self.talks[talk] is None:
                self._connected(talk)
            elif not self._answered(talk):
                self._drop(talk)
        except OSError:
            self._drop(talk)

    def _connected(self, talk: socket.socket) -> None:
        error = talk.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        # A kernel may connect a port of the ephemeral range to itself when nobody listens there.
        if error or talk.getsockname() == talk.getpeername():
            raise OSError(error, "not connected")
        if self.kind == "tcp":
            self.good, self.deadline = True, 0.0
        else:
            talk.send(self.request)
            self.talks[talk] = b""

    def _answered(self, talk: socket.socket) -> bool:
        """Read on; False when nothing more is worth reading."""
        heard = talk.recv(65536)
        text = self.talks[talk] = self.talks[talk] + heard
        words = text[:64].split(None, 2)
        if not self.good and len(words) >= 2 and len(words[1]) >= 3:
            self.good = words[0].startswith(b"HTTP/") and words[1].isdigit() and int(words[1]) < 500
            if not self.good:
                return False
            self.deadline = min(self.deadline, time.monotonic() + DRAIN_SECONDS)
        return bool(heard) and len(text) < DRAIN_BYTES

    def _drop(self, talk: socket.socket) -> None:
        talk.close()
        del self.talks[talk]
