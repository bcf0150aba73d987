"""The threads in which requests are served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

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
    the next. Each request has its thread for itself, so a slow one holds up nobody.

    Django goes back and forth between the event loop and that thread: for its signals, for middlewares, for the view,
    and to close the answer. All of these are synchronous here, so each request goes to its thread once. What streams
    is sent by the event loop, for as long as somebody listens.
    """

    def __init__(self) -> None:
        super().__init__()
        self._idle: list[RequestThread] = []

    def load_middleware(self, is_async: bool = False) -> None:
        """The chain of middlewares, synchronous down to the view (an async view would run in the event loop)."""
        super().load_middleware(is_async=False)

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

    async def handle(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        """Answer one request; nothing is answered to who leaves before it is whole."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            response = await sync_to_async(self._serve)(scope, body)
            if response.streaming:
                await self._stream(response, receive, send)
            else:
                await self.send_response(response, send)
        finally:
            body.close()

    def _serve(self, scope: dict[str, Any], body: IO[bytes]) -> HttpResponseBase:
        """All that happens in the thread of the request. An answer that is whole needs nothing more: it is closed."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, response = self.create_request(scope, body)
        if request is not None:
            response = self.get_response(request)
        response._handler_class = self.__class__
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        if not response.streaming:
            response.close()
        return response

    async def _stream(self, response: HttpResponseBase, receive: Callable, send: Callable) -> None:
        """Send until it ends, or until who asked has left."""
        sending = asyncio.create_task(self.send_response(response, send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            sent, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
            await sync_to_async(response.close)()
        if isinstance(sent, Exception):
            raise sent
