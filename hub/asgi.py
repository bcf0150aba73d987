"""The ASGI application: Django for HTTP, and for WebSockets what it streams at their address."""

import os
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import django

from hub import websockets
from hub.threads import Handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")

# WhiteNoise answers with files, which are read synchronously: small, from the page cache, and only once per browser.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators", category=Warning)

django.setup(set_prefix=False)
django_application = Handler()


async def application(scope: dict[str, Any], receive: Callable[[], Awaitable[dict]],
                      send: Callable[[dict], Awaitable[None]]) -> None:
    """Dispatch on the kind of connection, since Django answers only HTTP and raises on the others."""
    if scope["type"] == "http":
        await django_application(scope, receive, send)
    elif scope["type"] == "websocket":
        await websockets.serve(django_application, scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


async def _lifespan(receive: Callable[[], Awaitable[dict]], send: Callable[[dict], Awaitable[None]]) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
