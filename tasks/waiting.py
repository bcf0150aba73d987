"""Waiting for the end of tasks, for all who wait in this process: one look for all of them a few times a second, and
none while nobody waits."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from django.db import close_old_connections

from tasks.models import Task
from tasks.states import ENDED

logger = logging.getLogger(__name__)

T = TypeVar("T")
# Seconds between two looks, also while the database is away.
PAUSE = 0.2
# So many tasks are asked for at a time.
AT_ONCE = 500


@dataclass
class Lookout:
    """Looks for all who wait, in a thread of its own. Belongs to one event loop."""

    _waiting: Counter[UUID] = field(default_factory=Counter)
    _ended: set[UUID] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _looking: asyncio.Task | None = None
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "waits"))

    @property
    def waiting(self) -> int:
        return self._waiting.total()

    async def until_ended(self, key: UUID, seconds: float) -> bool:
        """Whether the task has ended, or is gone, before the time is over."""
        self._waiting[key] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                while key not in self._ended:
                    await self._news.wait()
            return True
        except TimeoutError:
            return False
        finally:
            self._waiting[key] -= 1

    async def then(self, read: Callable[[], T]) -> T:
        """What a function reads from the database, in the thread of the looks."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, _with_database, read)

    async def _look(self) -> None:
        while keys := [key for key, number in self._waiting.items() if number > 0]:
            try:
                self._ended = await self.then(lambda keys=keys: _ended_of(keys))
            except Exception:  # the database may be away for a while; the next look may see it again
                logger.exception("Nobody could look which tasks have ended.")
            news, self._news = self._news, asyncio.Event()
            news.set()
            await asyncio.sleep(PAUSE)
            self._waiting = +self._waiting
        self._ended = set()


def _with_database(read: Callable[[], T]) -> T:
    close_old_connections()
    return read()


def _ended_of(keys: list[UUID]) -> set[UUID]:
    active: set[UUID] = set()
    for start in range(0, len(keys), AT_ONCE):
        found = Task.objects.filter(pk__in=keys[start:start + AT_ONCE]).exclude(state__in=sorted(ENDED))
        active.update(found.values_list("pk", flat=True))
    return set(keys) - active


_lookouts: dict[asyncio.AbstractEventLoop, Lookout] = {}


def lookout() -> Lookout:
    """The one of the event loop that this runs in."""
    loop = asyncio.get_running_loop()
    if loop not in _lookouts:
        for old in [one for one in _lookouts if one.is_closed()]:
            del _lookouts[old]
        _lookouts[loop] = Lookout()
    return _lookouts[loop]


def waiting_now() -> int:
    """How many wait in this process."""
    return sum(one.waiting for one in list(_lookouts.values()))
