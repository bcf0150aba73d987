"""Answers to questions about the roll-ups, kept until what they are about changes.

The key of an answer holds the version of the series that it was made of, so a task that ends makes other answers of
those it touches as soon as it is counted (`analytics.counting`, every second), and of no others. One of all processes
makes an answer; the others wait for it, or take the last one. Without Redis every process makes its own.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db.models import Max, Q

from analytics.models import Series

# Seconds that an answer is kept, that somebody who makes one is waited for, and that a lock outlives who died with it.
KEPT, PATIENCE, LOCKED = 300, 2.0, 10
LAST_KEPT = 600
HELD = 32

_held: OrderedDict[str, tuple[float, Any]] = OrderedDict()
_making: dict[str, threading.Lock] = {}
_guard = threading.Lock()
_asked = {"hit": 0, "miss": 0}


def version(of: Q) -> int:
    """The version of the series that meet a condition: that of the last change of any of them."""
    return Series.objects.filter(of).aggregate(last=Max("version"))["last"] or 0


def remembered(name: str, question: Any, of: Q, make: Callable[[], Any]) -> Any:
    """The answer to a question (plain JSON values), which `make` gives where it is not known: also plain JSON values.
    `of`: the series that it is made of."""
    same = f"analytics:{name}:{hashlib.blake2s(json.dumps(question).encode(), digest_size=12).hexdigest()}"
    key = f"{same}:{version(of)}"
    with _guard:
        making = _making.setdefault(same, threading.Lock())
    if (found := _known(key)) is not None:
        _asked["hit"] += 1
        return found
    with making:  # one of this process at a time
        if (found := _known(key) or _from_others(key, same)) is not None:
            _asked["hit"] += 1
            return found
        _asked["miss"] += 1
        try:
            made = make()
            _hold(key, made)
            cache.set(key, made, KEPT)
            cache.set(f"{same}:last", made, LAST_KEPT)
        finally:
            cache.delete(f"{key}:lock")
    return made


def forget() -> None:
    """Forget every answer that this process holds."""
    with _guard:
        _held.clear()


def asked() -> dict[str, int]:
    """How many answers this process has given that it knew, and that had to be made."""
    return dict(_asked)


def _known(key: str) -> Any:
    with _guard:
        at, value = _held.get(key, (0.0, None))
    if value is not None and time.monotonic() - at < KEPT:
        return value
    value = cache.get(key)
    if value is not None:
        _hold(key, value)
    return value


def _from_others(key: str, same: str) -> Any:
    """What another process has just made, or the last answer when that takes long; None when it is for this one."""
    deadline = time.monotonic() + PATIENCE
    while not cache.add(f"{key}:lock", 1, LOCKED):
        if (found := cache.get(key)) is not None:
            return found
        if not cache.has_key(f"{key}:lock"):  # without Redis nothing is ever locked
            return None
        if time.monotonic() > deadline:
            return cache.get(f"{same}:last")
        time.sleep(0.02)
    return None


def _hold(key: str, value: Any) -> None:
    with _guard:
        _held[key] = (time.monotonic(), value)
        _held.move_to_end(key)
        while len(_held) > HELD:
            _held.popitem(last=False)
        if len(_making) > 10 * HELD:
            for name in [name for name, lock in _making.items() if not lock.locked()]:
                del _making[name]
