"""Whether something has happened since: every change of a task, lane or worker order is an event, and the relay adds it
to the stream in Redis within a tenth of a second."""

from __future__ import annotations

import time

import redis

from events.relay.redis_stream import client, key

FIRST = "0-0"


def newest() -> str:
    """The id of the newest event in the stream; the first of all ids where there is none, or Redis is away."""
    try:
        found = client().xrevrange(key(), count=1)
    except redis.RedisError:
        return FIRST
    return found[0][0].decode() if found else FIRST


def wait(since: str, seconds: float) -> None:
    """Wait for an event after this one, so many seconds at most (less than two)."""
    begun = time.monotonic()
    try:
        client().xread({key(): since}, count=1, block=max(1, int(seconds * 1000)))
    except redis.RedisError:
        time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
