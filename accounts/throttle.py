"""Failed sign-ins from one address: ten in ten minutes, then nothing is tried until the ten minutes are over."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from django.core.cache import cache

MAX_FAILURES = 10
WINDOW = 600  # seconds, from the first failure


@dataclass(frozen=True, slots=True)
class Standing:
    """`left`: how many tries an address still has; `retry_after`: seconds until it has all of them again."""

    left: int
    retry_after: int

    @property
    def is_limited(self) -> bool:
        return self.left <= 0


def standing(address: str) -> Standing:
    """How an address stands. While the cache cannot be reached nobody is limited: Hub stays usable."""
    failures = cache.get(_key(address), 0)
    until = cache.get(_until_key(address), 0)
    return Standing(MAX_FAILURES - failures, max(1, math.ceil(until - time.time())))


def count_failure(address: str) -> Standing:
    """Count one more failure, and say how the address stands then."""
    # `add` writes nothing where there is a value: the window begins with the first failure, and the count is atomic.
    if cache.add(_key(address), 0, WINDOW):
        cache.set(_until_key(address), time.time() + WINDOW, WINDOW)
    try:
        cache.incr(_key(address))
    except ValueError:  # the window ended between the two calls, or the cache is away
        return Standing(MAX_FAILURES - 1, WINDOW)
    return standing(address)


def _key(address: str) -> str:
    return f"sign-in-failures:{address}"


def _until_key(address: str) -> str:
    return f"sign-in-failures-until:{address}"
