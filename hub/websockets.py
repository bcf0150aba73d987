"""WebSockets: what the view at the same address streams as server-sent events, as messages of text.

The view is asked as for a GET, with all middlewares, so who may listen is decided in one place.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpResponseForbidden
from django.http.response import HttpResponseBase

from events.streams import PATIENCE, EventStream
from hub.threads import Handler

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
# Close codes (RFC 6455): its time is over, come again; it did not read, or it talks.
AGAIN, REFUSED = 1001, 1008
# It is here to listen: some libraries say now and then that they are alive, none so often.
MOST_HEARD = 100
REFUSAL = "websocket.http.response"


async def serve(handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket. Where nothing is streamed, or not to this one, it is refused before the upgrade, as a GET of
    the same address is: 401 without a key, 403, 404, 429, 503."""
    await receive()
    if not _is_own_origin(scope):
        await _refuse(scope, send, _forbidden("Pages of another address may not listen here."))
        return
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    response = await handler.respond({**scope, "type": "http", "method": "GET", "scheme": scheme}, io.BytesIO())
    try:
        if isinstance(response, EventStream):
            await _stream(response, receive, send)
        elif response.status_code >= 400 and not response.streaming:
            await _refuse(scope, send, response)
        else:
            await _refuse(scope, send, _forbidden("Nothing is streamed to you here."))
    finally:
        await asyncio.to_thread(response.close)


def _is_own_origin(scope: Scope) -> bool:
    """Browsers send cookies along from pages of other ports as well, and say where from; scripts say nothing."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    return not origin or urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")


def _forbidden(said: str) -> HttpResponseForbidden:
    return HttpResponseForbidden(f"{said}\n", content_type="text/plain; charset=utf-8")


async def _refuse(scope: Scope, send: Send, response: HttpResponseBase) -> None:
    """With this answer, where the server can pass it on (the extension of ASGI that `scope` names); else with 403."""
    if REFUSAL not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": REFUSED})
        return
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    await send({"type": f"{REFUSAL}.start", "status": response.status_code, "headers": headers})
    await send({"type": f"{REFUSAL}.body", "body": response.content})


async def _stream(response: EventStream, receive: Receive, send: Send) -> None:
    """Until its time is over, it leaves, does not read, or talks too much."""
    await send({"type": "websocket.accept"})
    sending, hearing = asyncio.create_task(_send_all(response, send)), asyncio.create_task(_has_left(receive))
    try:
        await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, hearing):
            task.cancel()
        sent, left = await asyncio.gather(sending, hearing, return_exceptions=True)
    if left is True:
        return
    with suppress(TimeoutError, OSError):  # who is gone, or still does not read, misses only a farewell
        async with asyncio.timeout(PATIENCE):
            is_refused = left is False or isinstance(sent, TimeoutError)
            await send({"type": "websocket.close", "code": REFUSED if is_refused else AGAIN})
    # Also TimeoutError is one: who does not read is cut off, and that is no error of ours.
    if isinstance(sent, Exception) and not isinstance(sent, OSError):
        raise sent


async def _send_all(response: EventStream, send: Send) -> None:
    async for message in response.messages():
        if message is not None:
            async with asyncio.timeout(PATIENCE):
                await send({"type": "websocket.send", "text": message.data})


async def _has_left(receive: Receive) -> bool:
    """True once it has left; False once it has said too much. What it says is not looked at."""
    for _ in range(MOST_HEARD):
        if (await receive())["type"] == "websocket.disconnect":
            return True
    return False
