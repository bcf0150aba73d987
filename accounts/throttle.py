"""Failed sign-ins: after ten from one address, or twenty with one name, nothing is tried for ten minutes. Whoever fails
again within a day after that waits twice as long as before."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from accounts.counting import Shared

# Failures that are free, by what they are counted. A name is closed later, and never for longer than an hour: who knows
# somebody's name must not be able to keep them out (a sign-in link lets them in even then).
FREE = {"address": 10, "name": 20}
LONGEST = {"address": 86_400, "name": 3600}
WINDOW = 600  # seconds, from the first failure, and for which it is closed first
REMEMBERED = 86_400  # seconds, after it is open again
# In this process, so many are counted.
MOST = 10_000

# A hash: `failures` since the first in the window, `level`: how often it was closed, `until`: when it opens (ms).
# ARGV: 1 to count a failure, 0 to look; the free ones; window, longest and remembered in seconds
# -> failures, milliseconds until it opens (0: it is open), whether it was closed by this failure
LUA = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local free, window, longest, kept = tonumber(ARGV[2]), ARGV[3] * 1000, ARGV[4] * 1000, ARGV[5] * 1000
local found = redis.call('HMGET', KEYS[1], 'failures', 'level', 'until')
local failures, level, closed = tonumber(found[1] or 0), tonumber(found[2] or 0), tonumber(found[3] or 0)
if ARGV[1] == '0' or closed > now then
    return {failures, math.max(closed - now, 0), 0}
end
failures = failures + 1
if level == 0 and failures < free then
    redis.call('HSET', KEYS[1], 'failures', failures)
    if failures == 1 then
        redis.call('PEXPIRE', KEYS[1], window)
    end
    return {failures, 0, 0}
end
local wait = math.min(window * 2 ^ level, longest)
redis.call('HSET', KEYS[1], 'failures', failures, 'level', math.min(level + 1, 20), 'until', now + wait)
redis.call('PEXPIRE', KEYS[1], wait + kept)
return {failures, wait, 1}
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """`left`: how many tries are free; `retry_after`: seconds until something is tried again; `closed`: what was closed
    by this failure, `address` or `name`, empty where nothing was."""

    left: int
    retry_after: int = 0
    closed: str = ""

    @property
    def is_limited(self) -> bool:
        return self.retry_after > 0


def standing(address: str, name: str = "") -> Standing:
    """How an address and a name stand."""
    return _both(0, address, name)


def count_failure(address: str, name: str = "") -> Standing:
    """Count one more failure, and say how they stand then."""
    return _both(1, address, name)


def forget(name: str) -> None:
    """Somebody came in with that name: its failures were theirs."""
    _forget(_key("name", name))


def _both(count: int, address: str, name: str) -> Standing:
    left, wait, closed = max(FREE.values()), 0, ""
    for kind, value in (("address", address), ("name", name)):
        if not value:
            continue
        failures, until, now = _ask(_key(kind, value), count, FREE[kind], WINDOW, LONGEST[kind], REMEMBERED)
        left, wait = min(left, max(FREE[kind] - failures, 1)), max(wait, math.ceil(until / 1000))
        closed = closed or (kind if now else "")
    return Standing(left, wait, closed)


def _key(kind: str, value: str) -> str:
    # What is typed as a name may be a password: only a hash of it comes to Redis.
    return f"sign-in:{kind}:{hashlib.sha256(value.strip().casefold().encode()).hexdigest()[:32]}"


@dataclass(slots=True)
class _Entry:
    failures: int = 0
    level: int = 0
    until: float = 0.0
    forgotten: float = math.inf


class _Here:
    """The same counts in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __call__(self, name: str, count: int, free: int, window: int, longest: int, kept: int) -> list[int]:
        now = time.monotonic()
        with self._lock:
            entry = self._entries.get(name)
            if entry is None or entry.forgotten <= now:
                entry = _Entry()
            if not count or entry.until > now:
                return [entry.failures, int(max(entry.until - now, 0) * 1000), 0]
            self._entries[name] = entry
            self._entries.move_to_end(name)
            if len(self._entries) > MOST:
                self._entries.popitem(last=False)
            entry.failures += 1
            if entry.level == 0 and entry.failures < free:
                if entry.failures == 1:
                    entry.forgotten = now + window
                return [entry.failures, 0, 0]
            wait = min(window * 2**entry.level, longest)
            entry.level, entry.until, entry.forgotten = min(entry.level + 1, 20), now + wait, now + wait + kept
            return [entry.failures, wait * 1000, 1]

    def forget(self, name: str) -> list[int]:
        with self._lock:
            self._entries.pop(name, None)
        return []


_here = _Here()
_ask = Shared(LUA, _here)
_forget = Shared("redis.call('DEL', KEYS[1]) return {}", _here.forget)
