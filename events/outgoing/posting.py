"""The one guarded way out to addresses that people typed: what they may reach is what everybody may reach."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from django.conf import settings

from events.outgoing.targets import Target, TargetFailed, TargetRefused, find

# What is read of an answer, in bytes; the rest is left.
MOST_ANSWERED = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status of HTTP, the begin of its text, and after how many seconds."""

    status: int
    text: str
    elapsed: float

    @property
    def is_success(self) -> bool:
        """2xx. A redirect is none: it is not followed."""
        return 200 <= self.status < 300


def check(url: str) -> None:
    """Whether it may be sent to, for a form: raises TargetRefused, or TargetFailed when its host is not found now."""
    find(url, settings.HUB_OUTGOING_ALLOW)


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float = 10.0) -> Answer:
    """Send this and return what came back, whatever its status. All of it takes `timeout` seconds at most.

    Only to public addresses, unless HUB_OUTGOING_ALLOW names them: looked up once, looked at, and connected to as
    looked at. No redirect is followed, no proxy used; TLS is verified against the name. Raises TargetRefused where
    nothing may be sent, TargetFailed where nothing came back.
    """
    begun = time.monotonic()
    until = begun + timeout
    target = find(url, settings.HUB_OUTGOING_ALLOW, timeout)
    connection = _Connection(target, until)
    try:
        try:
            connection.request("POST", target.path, body, {"User-Agent": "Hub", **headers})
            response = connection.getresponse()
            text = response.read(MOST_ANSWERED).decode(errors="replace")
        finally:
            connection.close()
    except ssl.SSLCertVerificationError as error:
        raise TargetFailed(f"{target.shown} has no certificate that holds: {error.verify_message}.") from None
    except (OSError, http.client.HTTPException) as error:
        if connection.is_late or isinstance(error, TimeoutError):
            raise TargetFailed(f"{target.shown} did not answer within {timeout:g} s.") from None
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TargetFailed(f"{target.shown} cannot be reached: {why}.") from None
    except ValueError as error:  # a header that is none
        raise TargetRefused(f"{target.shown} is not sent to: {error}.") from None
    if connection.is_late:
        raise TargetFailed(f"{target.shown} did not answer within {timeout:g} s.")
    return Answer(response.status, text, time.monotonic() - begun)


class _Connection(http.client.HTTPConnection):
    """To the addresses that were looked at, and to no other; cut when its time is over, however busy the other side
    keeps it."""

    def __init__(self, target: Target, until: float):
        super().__init__(target.host, target.port)
        self.default_port = 443 if target.scheme == "https" else 80
        self._target, self._until = target, until
        self._guard: threading.Timer | None = None
        self.is_late = False

    def connect(self) -> None:
        self.sock = self._connected()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._target.scheme == "https":
            # Not yet the handshake: it may take for ever, too.
            self.sock = _verifying().wrap_socket(self.sock, server_hostname=self._target.host,
                                                 do_handshake_on_connect=False)
        self._guard = threading.Timer(max(self._until - time.monotonic(), 0), self._cut)
        self._guard.daemon = True
        self._guard.start()
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.do_handshake()

    def close(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
        super().close()

    def _connected(self) -> socket.socket:
        problem: OSError = TimeoutError("timed out")
        for address in self._target.addresses:
            left = self._until - time.monotonic()
            if left <= 0:
                break
            try:
                return socket.create_connection((address, self._target.port), left)
            except OSError as error:
                problem = error
        raise problem

    def _cut(self) -> None:
        self.is_late = True
        sock = self.sock
        if sock is not None:
            try:
                # Below TLS, which another thread is busy with.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:  # it is closed already
                return


@cache
def _verifying() -> ssl.SSLContext:
    return ssl.create_default_context()
