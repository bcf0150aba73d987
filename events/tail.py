"""The stream for all who follow it in this process: one reader for all of them, and none while nobody listens."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from django.db import close_old_connections, connections

from events.models import Event
from events.relay.numbering import last_position
from events.relay.source import Entry, Source
from events.sight import names_of
from events.streams import Message
from events.subjects import Pattern

logger = logging.getLogger(__name__)

# So many of the newest are held for readers that are a little behind; who is further behind reads the database.
HELD = 5_000
# Seconds that the reader waits for more at a time, and after the database did not answer.
WAIT = 1.0
# How many positions of history are looked through at a time.
STRIDE = 2_000


class BeyondTheEnd(ValueError):
    """Somebody asks for what follows on an event that was never written."""


def checked_position(text: str) -> int | None:
    """A position that a reader names as its last, None for an empty text. Raises BeyondTheEnd."""
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BeyondTheEnd(f"{text[:40]!r} is no position: use the whole number that the last event came with.")
    position, last = int(text), last_position()
    if position > last:
        raise BeyondTheEnd(f"The position {position} is beyond the end of the stream, which is at {last}.")
    return position


class Tail:
    """The newest events, as they come. Belongs to one event loop."""

    def __init__(self) -> None:
        self._held: deque[Entry] = deque(maxlen=HELD)
        self._last = 0
        self._readers = 0
        self._news = asyncio.Event()
        self._reading: asyncio.Task | None = None
        self._reader = ThreadPoolExecutor(1, "events")
        self._history = ThreadPoolExecutor(2, "event history")

    async def follow(self, pattern: Pattern, position: int, projects: frozenset[int] | None = None
                     ) -> AsyncIterator[Message]:
        """What follows on a position: first what has happened, then what happens, each once and in order; only about
        these projects, which the database is asked for."""
        self._readers += 1
        try:
            while True:
                self._read_on(position)
                news = self._news
                if position >= self._last:
                    await news.wait()
                elif projects is None and self._held and position >= self._held[0].position - 1:
                    for entry in self._since(position):
                        if pattern.matches(entry.subject):
                            yield Message(str(entry.position), entry.text)
                        position = entry.position
                else:
                    end = min(position + STRIDE, self._last)
                    loop = asyncio.get_running_loop()
                    for entry in await loop.run_in_executor(self._history, _between, pattern, position, end, projects):
                        yield Message(str(entry.position), entry.text)
                    position = end
        finally:
            self._readers -= 1

    def _since(self, position: int) -> list[Entry]:
        # Positions have no gaps, so the place of one follows from that of the first.
        return list(islice(self._held, position + 1 - self._held[0].position, None))

    def _read_on(self, position: int) -> None:
        """Have somebody read, if nobody does; begins with the end of the stream."""
        if self._reading is None or self._reading.done():
            self._held.clear()
            self._last = position
            self._reading = asyncio.create_task(self._read(position))

    async def _read(self, position: int) -> None:
        loop, source, begun = asyncio.get_running_loop(), Source(), False
        try:
            while self._readers:
                try:
                    if not begun:
                        self._last = max(position, await loop.run_in_executor(self._reader, _newest))
                        begun = True
                        self._tell()
                    entries = await loop.run_in_executor(self._reader, source.more, self._last, WAIT)
                except Exception:  # the database may be away for a while
                    logger.exception("The stream of events could not be read.")
                    await asyncio.sleep(WAIT)
                    continue
                if entries:
                    self._held.extend(entries)
                    self._last = entries[-1].position
                    self._tell()
        finally:
            self._reader.submit(connections.close_all)

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _newest() -> int:
    close_old_connections()
    return last_position()


def _between(pattern: Pattern, position: int, end: int, projects: frozenset[int] | None) -> list[Entry]:
    events = Event.everything.filter(position__gt=position, position__lte=end).order_by("position")
    if projects is not None:
        events = events.filter(about__in=names_of(projects))
    if not pattern.is_everything:
        events = events.filter(pattern.condition)
    try:
        return [Entry.of(event) for event in events]
    finally:
        connections.close_all()  # who reads history is seldom, and its threads are idle for long


_tails: dict[asyncio.AbstractEventLoop, Tail] = {}


async def follow(pattern: Pattern, position: int, projects: frozenset[int] | None = None) -> AsyncIterator[Message]:
    """The stream from a position on, by the tail of the loop that this runs in; of these projects, None for all."""
    loop = asyncio.get_running_loop()
    if loop not in _tails:
        for old in [one for one in _tails if one.is_closed()]:
            del _tails[old]
        _tails[loop] = Tail()
    messages = _tails[loop].follow(pattern, position, projects)
    try:
        async for message in messages:
            yield message
    finally:
        await messages.aclose()
