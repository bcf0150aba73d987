"""How long requests take, told by the processes that answer them to `watch`, by way of Redis.

A request only adds to a sum in memory. A thread hands the sums over every ten seconds; while Redis is away they are
added up for later. Who dies loses what it has not handed over: it is a rate that is wanted, not each request.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time

from analytics import caching
from analytics.readings import Named, Seen
from tasks.queue import QueueAway, answering, connection

logger = logging.getLogger(__name__)

KEY = "hub:analytics:requests"
EVERY = 10.0
# So many sums wait in Redis at most, where no watch takes them.
MOST = 360
TOLD = ("hit", "miss")

_lock = threading.Lock()
_seen: dict[Named, Seen] = {}
_told = dict.fromkeys(TOLD, 0)


def note(view: str, seconds: float, queries: int) -> None:
    """A request was answered by that view, after so many seconds and queries."""
    with _lock:
        _seen.setdefault(("request", view), Seen()).see(seconds, spread=True)
        _seen.setdefault(("queries", view), Seen()).see(queries)


def start() -> None:
    """Begin to hand over. Once in a process that answers requests."""
    threading.Thread(target=_keep_telling, name="request-times", daemon=True).start()


def tell() -> bool:
    """Hand over what was noted; False while Redis is away, and it is kept."""
    with _lock:
        for kind, number in caching.asked().items():
            if number > _told[kind]:
                _seen.setdefault(("cache", kind), Seen()).add(number - _told[kind], 0.0, 0.0, b"")
                _told[kind] = number
        told = dict(_seen)
        _seen.clear()
    if not told:
        return True
    rows = [[*named, one.count, one.total, one.high, base64.b64encode(one.spread.packed()).decode()]
            for named, one in told.items()]
    try:
        with answering(), connection().pipeline() as pipeline:
            pipeline.rpush(KEY, json.dumps(rows)).ltrim(KEY, -MOST, -1).execute()
        return True
    except QueueAway:
        with _lock:
            for named, one in told.items():
                _seen.setdefault(named, Seen()).add(one.count, one.total, one.high, one.spread.packed())
        return False


def taken() -> dict[Named, Seen]:
    """What all processes have handed over since it was asked last. Raises QueueAway."""
    with answering():
        parts = connection().lpop(KEY, MOST) or []
    found: dict[Named, Seen] = {}
    for part in parts:
        for name, key, count, total, high, spread in json.loads(part):
            found.setdefault((name, key), Seen()).add(count, total, high, base64.b64decode(spread))
    return found


def _keep_telling() -> None:
    while True:
        time.sleep(EVERY)
        try:
            tell()
        except Exception:  # whatever is wrong, requests go on, and the next time may do better
            logger.exception("The times of requests could not be handed over.")
