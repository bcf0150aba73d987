"""Connections as the web process serves them: gunicorn's own, which nobody can hold open, and whose WebSockets can be
refused with any status.

gunicorn closes a connection when all that was sent has been read, however long that takes; and it refuses every
WebSocket with 403.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from gunicorn.asgi import websocket
from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

# Who has not read the last of it after so many seconds does not get it.
FAREWELL = 10.0
# So many bytes may wait for a WebSocket that asks (each ping is answered) and does not read.
MOST_UNREAD = 1 << 20
# The server says itself how long its answer is, and that no other follows.
FRAMING = {b"connection", b"content-length", b"transfer-encoding"}


class Connection(ASGIProtocol):
    """A connection that is gone soon after it was closed, whether or not its client reads."""

    def _close_transport(self) -> None:
        super()._close_transport()
        if self.transport is not None and self.transport.get_write_buffer_size():
            asyncio.get_running_loop().call_later(FAREWELL, self.transport.abort)


class WebSocket(websocket.WebSocketProtocol):
    """A WebSocket that can be refused as a request is: the ASGI extension `websocket.http.response`."""

    def __init__(self, transport: asyncio.Transport, scope: dict[str, Any], *args: Any, **options: Any):
        super().__init__(transport, {**scope, "extensions": {"websocket.http.response": {}}}, *args, **options)
        self._refusal: dict[str, Any] = {}
        self._refusal_body = b""

    async def _send(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "websocket.http.response.start":
                self._refusal = message
            case "websocket.http.response.body":
                self._refusal_body += message.get("body", b"")
                if not message.get("more_body"):
                    self._refuse()
            case _:
                await super()._send(message)

    def _refuse(self) -> None:
        self._denied = self.closed = True
        self._close_event.set()
        status = HTTPStatus(self._refusal["status"])
        headers = [one for one in self._refusal["headers"] if one[0].lower() not in FRAMING]
        headers += [(b"content-length", b"%d" % len(self._refusal_body)), (b"connection", b"close")]
        head = b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode())
        head += b"".join(b"%s: %s\r\n" % header for header in headers)
        self.transport.write(head + b"\r\n" + self._refusal_body)
        self.transport.close()

    async def _send_frame(self, opcode: int, payload: bytes | str) -> None:
        if self.transport.get_write_buffer_size() > MOST_UNREAD:
            self.transport.abort()
            raise websocket.WebSocketDisconnected("It asks and does not read.")
        await super()._send_frame(opcode, payload)


class WebWorker(gasgi.ASGIWorker):
    """gunicorn's ASGI worker, with these connections."""

    def init_process(self) -> None:
        # gunicorn looks its classes up by name in these two modules, and has no other way to choose them.
        gasgi.ASGIProtocol, websocket.WebSocketProtocol = Connection, WebSocket
        super().init_process()
