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


def publish(lanes: dict[str, float | None]) -> None:
    """Close these lanes until then (seconds since the epoch, infinite when nobody knows), open those with None.

    Raises QueueAway.
    """
    signs = {lane: str(until) for lane, until in lanes.items() if until is not None}
    with answering(), connection().pipeline() as pipeline:
        if signs:
            pipeline.hset(KEY, mapping=signs)
        if len(signs) < len(lanes):
            pipeline.hdel(KEY, *(lane for lane in lanes if lane not in signs))
        pipeline.execute()
