"""The threads in which requests are served."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.core.handlers.asgi import ASGIHandler

# Threads, and database connections with them, that are kept for the next requests. More are made when they are needed.
KEPT = 8


class RequestThread(ThreadPoolExecutor):
    """One thread, which does what one request asks of it, one thing after the other."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="request")
        self._last: Future | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        self._last = super().submit(fn, *args, **kwargs)
        return self._last

    @property
    def is_busy(self) -> bool:
        """Whether it still works, as for a visitor who did not wait for the answer."""
        return self._last is not None and not self._last.done()


class Handler(ASGIHandler):
    """Django's handler makes a thread, and with it a database connection, for every request; this one keeps some for
    the next. Each request has its thread for itself, so a slow one holds up nobody."""

    def __init__(self) -> None:
        super().__init__()
        self._idle: list[RequestThread] = []

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        thread = self._idle.pop() if self._idle else RequestThread()
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self.handle(scope, receive, send)
        finally:
            if thread.is_busy or len(self._idle) >= KEPT:
                thread.shutdown(wait=False)
            else:
                self._idle.append(thread)
