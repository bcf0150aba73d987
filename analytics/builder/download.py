"""An answer that is made while it is sent, in a thread of its own: neither the event loop nor other requests wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import BinaryIO

from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, QueryDict, StreamingHttpResponse
from django.utils import timezone

from analytics.builder.definition import Definition
from analytics.builder.errors import Busy
from analytics.builder.exports import opened
from analytics.builder.files import FORMATS, writer_of
from analytics.builder.models import Export
from analytics.builder.running import parts

# So many may be read at a time, in a process: each has a connection to the database.
MOST_AT_ONCE = 4
# Bytes of a file that are read at a time.
PIECE = 1 << 18
_places = threading.BoundedSemaphore(MOST_AT_ONCE)


def download(request: HttpRequest, report: Definition, name: str) -> StreamingHttpResponse:
    """The report as a file of that format, written while its rows are read. Raises BadReport, and Busy."""
    kind, write = writer_of(name)
    content = write(report, parts(report))
    return _streamed(request, content, kind, f"{report.dataset.name}-{timezone.now():%Y-%m-%d-%H%M%S}.{name}")


def stored(request: HttpRequest, export: Export) -> StreamingHttpResponse:
    """The file that a task made. Raises NoFile, and Busy."""
    kind, _ = FORMATS[export.format]
    name = f"{QueryDict(export.query).get('dataset', 'tasks')}-{export.created_at:%Y-%m-%d-%H%M%S}.{export.format}"
    response = _streamed(request, _Pieces(opened(export)), kind, name)
    response["Content-Length"] = str(export.size)
    return response


def _streamed(request: HttpRequest, content: Iterator[bytes], kind: str, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    if isinstance(request, ASGIRequest):
        if not _places.acquire(blocking=False):
            content.close()
            raise Busy
        return StreamingHttpResponse(_Apart(content), content_type=kind, headers=headers)
    return StreamingHttpResponse(content, content_type=kind, headers=headers)


class _Pieces:
    """A file in pieces; it is closed with them."""

    def __init__(self, file: BinaryIO):
        self._file, self.close = file, file.close

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if piece := self._file.read(PIECE):
            return piece
        raise StopIteration


class _Apart:
    """Parts that are made in a thread, each when the one before was sent. Gives its place back when it is over, also
    when nobody came to read it."""

    def __init__(self, parts: Iterator[bytes]):
        self._parts, self._context = parts, copy_context()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="export")
        self._is_open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        try:
            while (part := await loop.run_in_executor(self._thread, self._next)) is not None:
                yield part
        finally:
            self.close()

    def close(self) -> None:
        """Called by Django when the answer is over, however it ended."""
        if self._is_open:
            self._is_open = False
            self._thread.submit(self._end)
            self._thread.shutdown(wait=False)

    def _next(self) -> bytes | None:
        return self._context.run(next, self._parts, None)

    def _end(self) -> None:
        try:
            self._parts.close()
            connections.close_all()
        finally:
            _places.release()
