"""The threads in which requests are served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from events.streams import PATIENCE, EventStream

# Threads, and database connections with them, that are kept for the next requests. More are made when they are needed.
KEPT = 8
# So many times the longest body that may be sent is heard before somebody who sends more is cut off.
MOST_HEARD = 16


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
        """Answer one request; nothing is answered to who leaves before it is whole."""
        try:
            body = await self._read(scope, receive)
        except RequestAborted:
            return
        try:
            response = await self.respond(scope, body, receive, send)
            if response is not None:
                try:
                    await self._stream(response, receive, send)
                finally:
                    await asyncio.to_thread(response.close)
        finally:
            body.close()

    async def _read(self, scope: dict[str, Any], receive: Callable) -> IO[bytes]:
        """The body, as far as it may be long; `scope["hub.too_large"]` says that it was longer. What is too much is
        heard, so that the client hears why it is refused, and kept nowhere; who goes on and on is cut off."""
        limit, size = settings.DATA_UPLOAD_MAX_MEMORY_SIZE, 0

        async def next_part() -> dict[str, Any]:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size <= limit:
                return message
            scope["hub.too_large"] = True
            if size > limit * MOST_HEARD:
                return {"type": "http.disconnect"}
            return {**message, "body": b""}

        return await self.read_body(next_part)

    async def respond(self, scope: dict[str, Any], body: IO[bytes], receive: Callable | None = None,
                      send: Callable | None = None) -> HttpResponseBase | None:
        """The answer to a request. With `send` it is sent, and None returned, unless it streams by itself: such a
        one needs no thread, however long it goes on, and is the caller's to send and to close."""
        thread = self._idle.pop() if self._idle else RequestThread()
        try:
            async with ThreadSensitiveContext(executor=thread):
                response = await sync_to_async(self._serve)(scope, body)
                if send is None or (response.streaming and response.is_async):
                    return response
                if not response.streaming:
                    await self.send_response(response, send)
                    return None
                try:
                    await self._stream(response, receive, send)
                finally:
                    await sync_to_async(response.close)()
                return None
        finally:
            if thread.is_busy or len(self._idle) >= KEPT:
                thread.shutdown(wait=False)
            else:
                self._idle.append(thread)

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
        """Send until it ends, or until who asked has left, or does not read what an EventStream says."""
        if isinstance(response, EventStream):
            send = _impatient(send)
        sending = asyncio.create_task(self.send_response(response, send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            sent, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
        if isinstance(sent, Exception) and not isinstance(sent, TimeoutError):
            raise sent


def _impatient(send: Callable) -> Callable:
    async def patient_for_a_while(message: dict[str, Any]) -> None:
        async with asyncio.timeout(PATIENCE):
            await send(message)

    return patient_for_a_while
