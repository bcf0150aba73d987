"""A Docker host by ssh: connections through the `ssh` command that are kept and asked again.

The SDK's own way opens a connection for each question, which takes longer than the question, and needs paramiko.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

import urllib3
from docker.transport.basehttpadapter import BaseHTTPAdapter

GONE_SECONDS = 1.0
MOST_SAID = 64 * 1024
# A host that went away without a word is noticed within a minute, also where nothing is asked.
OPTIONS = ("ConnectTimeout=10", "ServerAliveInterval=20")


class KeptSsh(BaseHTTPAdapter):
    """Asks one host, `ssh://[user@]host[:port]`, over at most `size` kept connections."""

    def __init__(self, address: str, seconds: float, size: int):
        super().__init__()
        self._pool = _Pool(words_for(address), seconds, size)

    def get_connection(self, url: str, proxies: Any = None) -> urllib3.HTTPConnectionPool:
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:
        """Without the host: whatever proxies the environment names, they are not on this way."""
        return request.path_url

    def close(self) -> None:
        super().close()
        self._pool.close()


def words_for(address: str) -> list[str]:
    """The command that connects to the Docker Engine of that host."""
    place = urlsplit(address)
    words = ["ssh", *(word for option in OPTIONS for word in ("-o", option))]
    if place.username:
        words += ["-l", place.username]
    if place.port:
        words += ["-p", str(place.port)]
    return [*words, "--", place.hostname or "", "docker system dial-stdio"]


class _Pool(urllib3.HTTPConnectionPool):
    """A connection that has ended is noticed before it is asked, because its socket says so."""

    def __init__(self, words: list[str], seconds: float, size: int):
        super().__init__("localhost", timeout=seconds, maxsize=size)
        self._words, self._seconds = words, seconds

    def _new_conn(self) -> _Connection:
        return _Connection(self._words, self._seconds)


class _Connection(urllib3.connection.HTTPConnection):
    """One `ssh` command: it ends with the connection, and with the process that holds it."""

    def __init__(self, words: list[str], seconds: float):
        super().__init__("localhost", timeout=seconds)
        self._words, self._said = words, ""
        self._process: subprocess.Popen[bytes] | None = None

    def connect(self) -> None:
        self._end()
        ours, theirs = socket.socketpair()
        self._errors = os.memfd_create("ssh")
        with theirs:
            self._process = subprocess.Popen(self._words, stdin=theirs, stdout=theirs, stderr=self._errors,
                                             start_new_session=True)
        ours.settimeout(self.timeout)
        self.sock = ours

    def getresponse(self) -> Any:
        try:
            return super().getresponse()
        except ConnectionError as error:
            self.close()
            raise ConnectionError(self._said or str(error)) from error

    def close(self) -> None:
        super().close()
        self._end()

    def _end(self) -> None:
        """See the command gone, which ends when nobody is connected to it any more, and keep what it said last."""
        if self._process is None:
            return
        for end in (self._process.terminate, self._process.kill):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(GONE_SECONDS)
                break
            end()
        self._process.wait()
        lines = os.pread(self._errors, MOST_SAID, 0).decode("utf-8", "replace").splitlines()
        self._said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        os.close(self._errors)
        self._process = None
