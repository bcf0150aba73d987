"""WebSockets: what the view at the same address streams as server-sent events, as messages of text.

The view is asked as for a GET, with all middlewares, so who may listen is decided in one place.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from events.streams import PATIENCE, EventStream
from hub.threads import Handler

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
# Close codes (RFC 6455): its time is over, come again; it did not read.
AGAIN, TOO_SLOW = 1001, 1008


async def serve(handler: Handler, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve one WebSocket. Where nothing is streamed, or not to this one, it is refused before the upgrade (403)."""
    await receive()
    if not _is_own_origin(scope):
        await send({"type": "websocket.close", "code": TOO_SLOW})
        return
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    response = await handler.respond({**scope, "type": "http", "method": "GET", "scheme": scheme}, io.BytesIO())
    try:
        if not isinstance(response, EventStream):
            await send({"type": "websocket.close", "code": TOO_SLOW})
            return
        await send({"type": "websocket.accept"})
        sending, leaving = asyncio.create_task(_send_all(response, send)), asyncio.create_task(_left(receive))
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        is_gone = leaving.done()
        for task in (sending, leaving):
            task.cancel()
        sent, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
        if not is_gone:
            await send({"type": "websocket.close", "code": TOO_SLOW if isinstance(sent, TimeoutError) else AGAIN})
    finally:
        response.close()


def _is_own_origin(scope: dict[str, Any]) -> bool:
    """Browsers send cookies along from pages of other ports as well, and say where from; scripts say nothing."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    return not origin or urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")


async def _send_all(response: EventStream, send: Send) -> None:
    async for message in response.messages():
        if message is not None:
            async with asyncio.timeout(PATIENCE):
                await send({"type": "websocket.send", "text": message.data})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        continue
