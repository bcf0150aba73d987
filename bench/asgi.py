"""Hub's application and, below /bare/, the same addresses in Django as it comes: its own handler, no middleware, a
database connection for each request. In the same process, so that what else the machine does meets both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.test.utils import override_settings

from hub.asgi import application as hub_application

BARE = "/bare"


class BareHandler(ASGIHandler):
    """Django without middlewares."""

    def load_middleware(self, is_async: bool = False) -> None:
        with override_settings(MIDDLEWARE=[]):
            super().load_middleware(is_async)


bare_application = BareHandler()


async def application(scope: dict[str, Any], receive: Callable[[], Awaitable[dict]],
                      send: Callable[[dict], Awaitable[None]]) -> None:
    """Dispatch on the path."""
    if scope["type"] == "http" and scope["path"].startswith(f"{BARE}/"):
        path = scope["path"].removeprefix(BARE)
        await bare_application({**scope, "path": path, "raw_path": path.encode()}, receive, send)
    else:
        await hub_application(scope, receive, send)
