"""Answers that go on: what happens, as it happens, as server-sent events or over a WebSocket (`hub.websockets`)."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse

# Who does not read for so many seconds is cut off, and may come back.
PATIENCE = 10
# After so many seconds without a message a comment says that the line is alive.
QUIET = 15
# What a browser waits before it connects again (milliseconds).
RETRY = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `id` is what a reader that was cut off names as its last; `data` is text."""

    id: str
    data: str


@lru_cache(maxsize=16)
def _event(message: Message) -> bytes:
    """A message as an event. Many streams send the same at the same time."""
    lines = "".join(f"data: {line}\n" for line in message.data.split("\n"))
    return f"id: {message.id}\n{lines}\n".encode()


class EventStream(StreamingHttpResponse):
    """Messages for as long as somebody listens, `life` seconds at most: then a reader comes again, and is asked anew
    who it is. Made by `event_stream`."""

    # One mark for each. Threads come and go with them, so they are not counted up and down.
    _open: ClassVar[set[object]] = set()

    def __init__(self, messages: AsyncIterator[Message | None], life: float):
        self._messages, self._until = messages, time.monotonic() + life
        mark = object()
        EventStream._open.add(mark)
        # Also one that nobody came to send or to close, as when the client left too early, is no longer open.
        self._closed = weakref.finalize(self, EventStream._open.discard, mark)
        super().__init__(self._encoded(), content_type="text/event-stream; charset=utf-8", headers={
            "Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    @classmethod
    def open_now(cls) -> int:
        """How many are open in this process."""
        return len(cls._open)

    @classmethod
    def is_full(cls) -> bool:
        """Whether this process has as many open as it may have."""
        return len(cls._open) >= settings.HUB_MAX_STREAMS

    async def messages(self) -> AsyncIterator[Message | None]:
        """The messages until the stream's time is over; None when it was quiet for a while."""
        waiting = asyncio.ensure_future(anext(self._messages, StopAsyncIteration))
        try:
            while (left := self._until - time.monotonic()) > 0:
                done, _ = await asyncio.wait({waiting}, timeout=min(QUIET, left))
                if not done:
                    yield None
                    continue
                message = waiting.result()
                if message is StopAsyncIteration:
                    return
                yield message
                waiting = asyncio.ensure_future(anext(self._messages, StopAsyncIteration))
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            await self._messages.aclose()

    def close(self) -> None:
        self._closed()
        super().close()

    async def _encoded(self) -> AsyncIterator[bytes]:
        yield f"retry: {RETRY}\n\n".encode()
        messages = self.messages()
        try:
            async for message in messages:
                if message is None:
                    yield b":\n\n"
                else:
                    yield _event(message)
        finally:
            await messages.aclose()


def event_stream(messages: AsyncIterator[Message | None], life: float) -> HttpResponse:
    """The answer that streams these; 503 when as many streams are open as there may be (`HUB_MAX_STREAMS`)."""
    if EventStream.is_full():
        return HttpResponse("Too many streams are open. Ask again later, or poll.\n", status=503,
                            content_type="text/plain; charset=utf-8", headers={"Retry-After": "10"})
    return EventStream(messages, life)
