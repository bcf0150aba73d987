"""Requests over kept-alive connections, many at once, from one small loop: the clients of the bench."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

# Seconds that a server may take for one answer.
PATIENCE = 30.0


class LoadError(Exception):
    """A server that hung up, or spoke something else than plain HTTP/1.1 with a length."""


@dataclass(slots=True)
class Answer:
    """Status, headers by lower-case name, body, and seconds from the request's first byte to the answer's last."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


@dataclass
class Load:
    """What a number of clients saw together."""

    seconds: float = 0.0
    answers: list[Answer] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    @property
    def latencies(self) -> list[float]:
        return [answer.seconds for answer in self.answers]

    def expect(self, *statuses: int) -> Load:
        """Itself; LoadError when an answer has another status, because its speed would mean nothing."""
        for answer in self.answers:
            if answer.status not in statuses:
                raise LoadError(f"status {answer.status} instead of {statuses}: {answer.body[:300]!r}")
        return self


class Client:
    """One connection that asks one thing at a time."""

    def __init__(self, port: int, plan: Iterable[tuple[float, bytes]]):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._plan: Iterator[tuple[float, bytes]] = iter(plan)
        self._heard = b""
        self._sent = 0.0
        self.next = next(self._plan, None)

    def send(self) -> None:
        """Ask what is next."""
        _, request = self.next
        self.next = next(self._plan, None)
        self._heard, self._sent = b"", time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> Answer | None:
        """Read on; the answer when it is whole."""
        more = self.socket.recv(1 << 18)
        if not more:
            raise LoadError(f"the server hung up after {self._heard[:200]!r}")
        self._heard += more
        head, end, body = self._heard.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        if status != 204 and "content-length" not in headers:
            raise LoadError(f"an answer without a length: {first}")
        if len(body) < int(headers.get("content-length", 0)):
            return None
        return Answer(status, headers, body, time.perf_counter() - self._sent)


def drive(port: int, plans: Sequence[Iterable[tuple[float, bytes]]], seconds: float | None = None) -> Load:
    """One client for each plan, all at once. A plan is `(seconds since the begin, request)`: each is sent at its time,
    or as soon as the one before is answered. Ends with the plans, or after `seconds`; what is then open is not counted.
    """
    clients = [Client(port, plan) for plan in plans]
    selector, load = selectors.DefaultSelector(), Load()
    idle = [client for client in clients if client.next is not None]
    asking = 0
    began = time.perf_counter()
    while idle or asking:
        now = time.perf_counter() - began
        if seconds is not None and now >= seconds:
            break
        for client in [client for client in idle if client.next[0] <= now]:
            idle.remove(client)
            client.send()
            selector.register(client.socket, selectors.EVENT_READ, client)
            asking += 1
        due = [client.next[0] for client in idle] + ([] if seconds is None else [seconds])
        ready = selector.select(min(PATIENCE, max(0.0, min(due, default=now + PATIENCE) - now)))
        if not ready and not due:
            raise LoadError(f"no answer within {PATIENCE:g} s")
        for key, _ in ready:
            answer = key.data.receive()
            if answer is not None:
                load.answers.append(answer)
                selector.unregister(key.data.socket)
                asking -= 1
                if key.data.next is not None:
                    idle.append(key.data)
    load.seconds = time.perf_counter() - began
    selector.close()
    for client in clients:
        client.socket.close()
    return load


def forever(request: bytes) -> Iterator[tuple[float, bytes]]:
    """A plan that asks the same again and again."""
    while True:
        yield 0.0, request


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
