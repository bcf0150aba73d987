"""A log as a text file that is sent while it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from projects.logs import Entry

AT_ONCE = 2000


def log_file(name: str, entries: Iterator[Entry], *, several: bool) -> StreamingHttpResponse:
    """The lines of one source as it printed them; of `several`, each with its time (UTC) and its source before it."""
    response = StreamingHttpResponse(_blocks(entries, several), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def as_text(entry: Entry, several: bool) -> str:
    """A line of the file, or of the shell."""
    if not several:
        return entry.text
    at = f"{entry.moment.at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z" if entry.moment else "-" * 24
    return f"{at} {entry.source} | {entry.text}"


async def _blocks(entries: Iterator[Entry], several: bool) -> AsyncIterator[bytes]:
    # What reads files does so in the thread of the request, and nobody who is slow to listen makes it read ahead.
    while block := await sync_to_async(lambda: list(islice(entries, AT_ONCE)))():
        yield "".join(f"{as_text(entry, several)}\n" for entry in block).encode("utf-8", "replace")
