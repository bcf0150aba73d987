"""The one snapshot that all viewers of all processes share: taken once a second at most, and only while somebody
looks. In the middle of its life what changes most is looked at once more, when something has happened."""

from __future__ import annotations

import threading
import time
from typing import Any

from django.core.cache import cache

from tasks.monitor.snapshot import amended, take

KEY, LOCK = "monitor:snapshot", "monitor:taking"
# A snapshot is shown for so long (seconds) from when it was begun, a dear one for so many times as long as it took.
LIFE, REST = 1.0, 8
# What changes most is amended when it is so old, or so many times as old as that took.
HALF = 0.5
# Without Redis every process takes its own, and less often.
LIFE_ALONE = 3.0
# Whoever takes one and dies holds up the others for no longer.
LOCKED = 5

_here = threading.Lock()
_own: dict[str, Any] = {}


def latest() -> dict[str, Any]:
    """The newest snapshot, less than a second old where Redis answers and the database is quick. See `take`."""
    with _here:
        if not _is_fresh(_own):
            _own.update(_from_others() or _taken())
        return _own["data"]


def renew() -> None:
    """Something may have happened: amend the snapshot when it is older than half a second, and will still be shown.
    Then `latest` has it, here and in other processes."""
    with _here:
        if _is_fresh(_own) and _amended_from() <= time.time() and not _is_fresh(_newer()):
            _own.update(_amended())


def fresh_for() -> float:
    """For how many seconds `latest` will still be what it was, and `renew` do nothing."""
    with _here:
        return max(0.0, min(_own["taken"] + _own["life"], _amended_from()) - time.time()) if _own else 0.0


def outlive() -> None:
    """Wait until the snapshot that there is now is not shown any more, a second at most: somebody has just changed what
    it shows, and is about to look."""
    found = cache.get(KEY) or _own
    if found:
        time.sleep(min(max(0.0, found["taken"] + found["life"] - time.time()), LIFE))


def forget() -> None:
    """As if there had been no look yet."""
    with _here:
        _own.clear()
        cache.delete(KEY)


def _from_others() -> dict[str, Any] | None:
    """What another process took, or is about to take; None when it is for this one to do."""
    deadline = time.monotonic() + LIFE
    while True:
        found = cache.get(KEY)
        if found is not None and _is_fresh(found):
            return found
        if cache.add(LOCK, 1, LOCKED):
            return None
        # Locked by another, which may be quick; without Redis nothing is ever locked, and waiting is in vain.
        if time.monotonic() > deadline or not cache.has_key(LOCK):
            return None
        time.sleep(0.02)


def _taken() -> dict[str, Any]:
    began = time.time()
    data = take()
    # `seen`: when the newest in it was looked at; `cost`: the seconds that this took where it was amended.
    found = {"taken": began, "data": data, "life": max(LIFE, REST * (time.time() - began)), "seen": began, "cost": 0.0}
    cache.set(KEY, found, 60)
    if not cache.has_key(KEY):
        found["life"] = max(LIFE_ALONE, found["life"])
    cache.delete(LOCK)
    return found


def _amended_from() -> float:
    """When the snapshot that is shown here may be amended."""
    return _own["seen"] + max(HALF, REST * _own["cost"])


def _newer() -> dict[str, Any]:
    """What another process has amended since, which is shown here from now on."""
    found = cache.get(KEY) or {}
    if _is_fresh(found) and found["seen"] > _own["seen"]:
        _own.update(found)
        return found
    return {}


def _amended() -> dict[str, Any]:
    began = time.time()
    data = amended(_own["data"])
    # The next whole look is as far away: together they are two a second at most, also where whole ones are dear.
    life = max(_own["life"], began + HALF - _own["taken"])
    found = _own | {"data": data, "seen": began, "cost": time.time() - began, "life": life}
    cache.set(KEY, found, 60)
    return found


def _is_fresh(found: dict[str, Any]) -> bool:
    # A clock that was set back makes it old, not young for hours.
    return bool(found) and 0 <= time.time() - found["taken"] < found["life"]
