"""Snapshots as they change, for every stream of this process: a look when something has happened, once a second at most
for all of them, half a look in between, and none while nobody listens."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import close_old_connections

from events.streams import Message
from tasks.monitor import news
from tasks.monitor.presentation import fragment
from tasks.monitor.shared import fresh_for, latest, renew

logger = logging.getLogger(__name__)

# Between two looks at least (seconds), also while the database is away; and so much longer, while nothing happens: how
# far tasks are, and how their workers feel, is no event.
PAUSE, QUIET = 0.2, 1.5
# So many times nothing new is seen until the next event is waited for: in the middle of a snapshot's life and behind.
CALM = 2


@dataclass(frozen=True, slots=True)
class Part:
    """What a stream sends: the page's live part with that range of its chart; without a range the snapshot as JSON."""

    range: str = ""
    may_operate: bool = False

    def now(self) -> Message:
        """It as it is now; its id is the mark of what it shows."""
        if self.range:
            return Message(*fragment(self.range, self.may_operate))
        snapshot = latest()
        return Message(snapshot["version"], json.dumps(snapshot))


@dataclass
class Feed:
    """Looks for all who follow, in a thread of its own. Belongs to one event loop."""

    _followers: Counter[Part] = field(default_factory=Counter)
    _newest: dict[Part, Message] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _looking: asyncio.Task | None = None
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "monitor"))

    async def follow(self, part: Part, last: str = "") -> AsyncIterator[Message]:
        """Every change of a part, beginning with what it is now unless that is the `last` seen."""
        self._followers[part] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            while True:
                told, newest = self._news, self._newest.get(part)
                if newest is not None and newest.id != last:
                    last = newest.id
                    yield newest
                else:
                    await told.wait()
        finally:
            self._followers[part] -= 1

    async def _look(self) -> None:
        loop, seen, still = asyncio.get_running_loop(), news.FIRST, 0
        while parts := [part for part, number in self._followers.items() if number > 0]:
            fresh = 0.0
            try:
                before, seen = seen, await loop.run_in_executor(self._thread, news.newest)
                still = 0 if seen != before else still + 1
                self._newest, fresh = await loop.run_in_executor(self._thread, _look_at, parts, still < CALM)
            except Exception:  # the database may be away for a while; the next look may see it again
                logger.exception("The monitor could not look.")
            told, self._news = self._news, asyncio.Event()
            told.set()
            await asyncio.sleep(max(fresh, PAUSE))
            # What follows on an event, such as a worker that is idle again, may come after it: so one whole look more.
            if still >= CALM:
                await loop.run_in_executor(self._thread, news.wait, seen, QUIET)
        self._newest = {}


def _look_at(parts: list[Part], is_news: bool) -> tuple[dict[Part, Message], float]:
    """Each as it is now, and for how many seconds there will be nothing newer."""
    close_old_connections()
    if is_news:
        renew()
    return {part: part.now() for part in parts}, fresh_for()


_feeds: dict[asyncio.AbstractEventLoop, Feed] = {}


async def follow(part: Part, last: str = "") -> AsyncIterator[Message]:
    """The changes of a part, by the feed of the loop that this runs in."""
    loop = asyncio.get_running_loop()
    if loop not in _feeds:
        for old in [one for one in _feeds if one.is_closed()]:
            del _feeds[old]
        _feeds[loop] = Feed()
    messages = _feeds[loop].follow(part, last)
    try:
        async for message in messages:
            yield message
    finally:
        await messages.aclose()
