"""How often a key may ask: so many requests in any hour, and so many in any minute of it."""

from __future__ import annotations

import math
import secrets
import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass

from django.conf import settings

from accounts.counting import Shared

HOUR, MINUTE = 3600, 60
# The status of a task may be asked so often in a second without being counted.
FREE = 5
MICROSECONDS = 1_000_000
# In this process, so many keys are counted.
MOST = 1000

# One list of moments holds both limits: those of the last hour, of which those of the last minute are the end. What
# passes is written in the same step in which it is counted, so of many at once no more pass than may. Times are Redis'.
# -> passes, counted, left in the hour, left in the minute, microseconds until each has one more
LUA = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local hour, minute, per_hour, per_minute = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local free, member, polls = tonumber(ARGV[5]), ARGV[6], KEYS[1] .. ':polls'
if free > 0 then
    redis.call('ZREMRANGEBYSCORE', polls, '-inf', now - 1000000)
    if redis.call('ZCARD', polls) < free then
        redis.call('ZADD', polls, now, member)
        redis.call('PEXPIRE', polls, 2000)
        return {1, 0, 0, 0, 0, 0}
    end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - hour)
local in_hour = redis.call('ZCARD', KEYS[1])
local in_minute = redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now - minute), '+inf')
local passes = in_hour < per_hour and in_minute < per_minute
if passes then
    redis.call('ZADD', KEYS[1], now, member)
    redis.call('PEXPIRE', KEYS[1], math.ceil(hour / 1000) + 1000)
    in_hour, in_minute = in_hour + 1, in_minute + 1
end
local function wait(place, window)
    local oldest = redis.call('ZRANGE', KEYS[1], place, place, 'WITHSCORES')
    return oldest[2] and oldest[2] + window - now or 0
end
return {passes and 1 or 0, 1, per_hour - in_hour, per_minute - in_minute,
        wait(math.max(in_hour - per_hour, 0), hour), wait(in_hour - math.min(in_minute, per_minute), minute)}
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key stands: whether the request `passes`, whether it is `counted`; `limit`, how many are `left` of it and
    seconds until there is one more (`reset`), of the limit that is nearer."""

    passes: bool
    counted: bool
    limit: int = 0
    left: int = 0
    reset: int = 0

    def headers(self) -> dict[str, str]:
        """What the answer says about it; nothing where it is not counted."""
        if not self.counted:
            return {}
        found = {"RateLimit-Limit": str(self.limit), "RateLimit-Remaining": str(self.left),
                 "RateLimit-Reset": str(self.reset)}
        return found if self.passes else found | {"Retry-After": str(self.reset)}


def ask(key: str, *, polled: bool = False) -> Standing:
    """Count a request of the key with that public id, if it passes; `polled`: it asks how a task stands."""
    per_hour, per_minute = settings.HUB_RATE_HOUR, settings.HUB_RATE_BURST
    passes, counted, *rest = _count(
        f"rate:{key}", HOUR * MICROSECONDS, MINUTE * MICROSECONDS, per_hour, per_minute, FREE if polled else 0,
        secrets.token_hex(8),
    )  # fmt: skip
    if not counted:
        return Standing(True, False)
    left = [max(0, number) for number in rest[:2]]
    reset = [max(1, math.ceil(number / MICROSECONDS)) for number in rest[2:]]
    both = zip((per_hour, per_minute), left, reset, strict=True)
    # Of two that are both used up the one that takes longer.
    nearer = min(both, key=lambda one: (one[1], -one[2]))
    return Standing(bool(passes), True, *nearer)


class _Here:
    """The same counts in this process. They are lost with it, and each process has its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moments: OrderedDict[str, list[int]] = OrderedDict()

    def __call__(self, name: str, hour: int, minute: int, per_hour: int, per_minute: int, free: int, member: str
                 ) -> list[int]:
        now = time.monotonic_ns() // 1000
        with self._lock:
            if free:
                polls = self._since(f"{name}:polls", now - MICROSECONDS)
                if len(polls) < free:
                    polls.append(now)
                    return [1, 0, 0, 0, 0, 0]
            moments = self._since(name, now - hour)
            in_minute = len(moments) - bisect_right(moments, now - minute)
            passes = len(moments) < per_hour and in_minute < per_minute
            if passes:
                moments.append(now)
                in_minute += 1
            places = max(len(moments) - per_hour, 0), len(moments) - min(in_minute, per_minute)
            waits = [moments[place] + window - now if place < len(moments) else 0
                     for place, window in zip(places, (hour, minute), strict=True)]
            return [int(passes), 1, per_hour - len(moments), per_minute - in_minute, *waits]

    def _since(self, name: str, begin: int) -> list[int]:
        moments = self._moments.setdefault(name, [])
        self._moments.move_to_end(name)
        del moments[: bisect_right(moments, begin)]
        if len(self._moments) > MOST:
            self._moments.popitem(last=False)
        return moments


_here = _Here()
_count = Shared(LUA, _here)
