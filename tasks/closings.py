"""Signs on closed lanes, in Redis: a worker does not look at the queues of a lane while its sign hangs.

They spare workers from taking what they may not run. The claim decides, so a sign that is lost or late does no harm.
"""

from __future__ import annotations

import math
import time

import redis

from tasks.queue import answering, connection

KEY = "hub:lanes:closed"
FOR_EVER = math.inf


def closed(client: redis.Redis) -> frozenset[str]:
    """The lanes that are closed now."""
    now = time.time()
    return frozenset(lane.decode() for lane, until in client.hgetall(KEY).items() if float(until) > now)


def show(lane: str, until: float | None) -> None:
    """Close a lane until then (seconds since the epoch, infinite: nobody knows); None opens it. Raises QueueAway."""
    with answering():
        if until is None:
            connection().hdel(KEY, lane)
        else:
            connection().hset(KEY, lane, str(until))
