"""Clients of Hub's streams, as scripts are: over a socket of their own, by server-sent events or by WebSocket."""

from __future__ import annotations

import base64
import os
import socket
import struct
from typing import BinaryIO

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class Listener:
    """One stream that was asked for; `status` and `headers` (by lower-case name) are those of the answer, `body` what a
    refusal says. Each wait ends with TimeoutError after `patience` seconds."""

    def __init__(self, port: int, path: str, headers: dict[str, str], *, patience: float = 15.0, buffer: int = 0):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(patience)
        self.socket.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}",
                 *(f"{name}: {value}" for name, value in {**self._asks(), **headers}.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.file: BinaryIO = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            self.headers[name.lower()] = value.strip()
        self.body = self._refusal().decode() if self.status >= 400 else ""

    def _asks(self) -> dict[str, str]:
        raise NotImplementedError

    def _refusal(self) -> bytes:
        if "content-length" in self.headers:
            return self.file.read(int(self.headers["content-length"]))
        return b"".join(iter(self._chunk, b""))

    def _chunk(self) -> bytes:
        """The next chunk of the body; empty at its end, and when the line was cut."""
        part = self.file.read(int(self.file.readline() or b"0", 16))
        self.file.readline()
        return part

    def next(self) -> tuple[str, str]:
        """The id and the data of the next message; ConnectionError when the stream has ended."""
        raise NotImplementedError

    def close(self) -> None:
        """Be gone at once, as one whose line was cut."""
        self.file.close()
        self.socket.close()


class Events(Listener):
    """By server-sent events."""

    def _asks(self) -> dict[str, str]:
        return {"Accept": "text/event-stream"}

    def next(self) -> tuple[str, str]:
        key, data = "", []
        while True:
            line = self._line()
            name, _, value = line.partition(": ")
            if name == "id":
                key = value
            elif name == "data":
                data.append(value)
            elif not line and data:
                return key, "\n".join(data)

    def _line(self) -> str:
        """The next line of the body, out of its chunks."""
        while b"\n" not in self._read:
            part = self._chunk()
            if not part:
                raise ConnectionError("The stream has ended.")
            self._read += part
        line, _, self._read = self._read.partition(b"\n")
        return line.decode()

    _read = b""


class WebSocket(Listener):
    """By WebSocket; the id is the `version` that its reader finds in the data, so none is told here."""

    def _asks(self) -> dict[str, str]:
        return {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}

    def next(self) -> tuple[str, str]:
        while True:
            kind, payload = self.frame()
            if kind == TEXT:
                return "", payload.decode()
            if kind == CLOSE:
                raise ConnectionError(f"Closed with {struct.unpack('!H', payload[:2])[0]}.")

    def frame(self) -> tuple[int, bytes]:
        """The next frame: what it is, and what it holds; ConnectionError when the line was cut."""
        head = self.file.read(2)
        if len(head) < 2:
            raise ConnectionError("The line was cut.")
        length = head[1] & 0x7F
        if length >= 126:
            size = 2 if length == 126 else 8
            length = int.from_bytes(self.file.read(size), "big")
        return head[0] & 0xF, self.file.read(length)

    def say(self, kind: int, payload: bytes = b"", *, times: int = 1) -> None:
        """Send frames, masked with zeros."""
        self.socket.sendall(frame_of(kind, payload) * times)


def frame_of(kind: int, payload: bytes) -> bytes:
    """A whole frame of a client, up to 64 KB."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack("!H", size)
    return bytes([0x80 | kind]) + length + bytes(4) + payload
