"""A worker's wait for the next task, which Redis can end: whoever is torn away from it by a signal may have been handed
a task at that very moment, of which nobody then knows."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis

from tasks.queue import connection

PAUSE = 0.02


def unblock(name: str, waits: Callable[[], bool], patience: float) -> bool:
    """Have Redis end the blocking call of the client of that name, for as long as it waits; False when it still does
    after `patience` seconds, or Redis does not answer."""
    ends, client = time.monotonic() + patience, connection()
    try:
        while waits() and time.monotonic() < ends:
            for other in client.client_list():
                if other["name"] == name and "b" in other["flags"]:
                    client.client_unblock(int(other["id"]))
            time.sleep(PAUSE)
    except redis.exceptions.RedisError:
        return not waits()
    return not waits()
