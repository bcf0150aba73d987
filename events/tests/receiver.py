"""A server that things are posted to: it keeps what came, and answers as it is told."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import LazySettings

from events.outgoing.networks import Allowed


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


class Receiver:
    """Listens on a port of `host`. `answer` gives `(status, headers, body)` for a request: 200 and "ok" unless set."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None):
        self.received: list[Received] = []
        self.answer: Callable[[Received], tuple[int, dict[str, str], bytes]] = lambda one: (200, {}, b"ok")
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                one = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                receiver.received.append(one)
                status, headers, text = receiver.answer(one)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST

            def log_message(self, *args: object) -> None:
                """Not among the output of the tests."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Who hangs up early is what some tests are about."""

        self._server = Server((host, port), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host, self.port = host, self._server.server_address[1]
        self._scheme = "https" if tls else "http"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path: str = "/hook", host: str = "") -> str:
        return f"{self._scheme}://{host or self.host}:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    """`receiver()` starts one, on the loopback, where nothing is sent unless the fixture `may_send_here` is used."""
    receivers: list[Receiver] = []

    def start(*args: object, **options: object) -> Receiver:
        receivers.append(Receiver(*args, **options))
        return receivers[-1]

    yield start
    for one in receivers:
        one.close()


@pytest.fixture
def may_send_here(settings: LazySettings) -> None:
    """HUB_OUTGOING_ALLOW names the loopback."""
    settings.HUB_OUTGOING_ALLOW = Allowed.read("127.0.0.0/8")
