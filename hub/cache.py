"""The cache in Redis. It holds nothing that cannot be done without, so Hub goes on while Redis is away."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger("hub.cache")

# Seconds. What could not be deleted while Redis was away lives no longer than this.
MAX_TIMEOUT = 600
# How look-ups of this process ended. Threads may lose one of two counts made at once: it is a rate that is wanted.
_lookups = {"hit": 0, "miss": 0, "error": 0}


_MISSING, _AWAY = object(), object()


def lookups() -> dict[str, int]:
    """How many look-ups of this process were hits and misses, and how many ended because Redis was away."""
    return dict(_lookups)


class JsonSerializer:
    """Values as JSON: whoever can write to Redis must not be able to make Hub run code, as pickle would."""

    def dumps(self, value: Any) -> Any:
        return value if type(value) is int else json.dumps(value)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class SharingClient(RedisCacheClient):
    """Django makes a cache for every request; ours share their connections, which may be used by many threads and see
    for themselves when they were inherited by a fork."""

    _shared: dict[tuple[str, ...], dict[int, Any]] = {}

    def __init__(self, servers: list[str], **options: Any):
        super().__init__(servers, **options)
        self._pools = self._shared.setdefault(tuple(servers), {})


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache, for JSON values and ten minutes at most; while Redis is away, it is empty."""

    def __init__(self, server: Any, params: dict[str, Any]):
        super().__init__(server, params)
        self._class = SharingClient

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._try(super().add, key, value, _capped(timeout), version, otherwise=False)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        value = self._try(super().get, key, _MISSING, version, otherwise=_AWAY)
        _lookups["error" if value is _AWAY else "miss" if value is _MISSING else "hit"] += 1
        return default if value is _MISSING or value is _AWAY else value

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._try(super().set, key, value, _capped(timeout), version, otherwise=None)

    def delete(self, key: str, version: int | None = None) -> bool:
        return self._try(super().delete, key, version, otherwise=False)

    def has_key(self, key: str, version: int | None = None) -> bool:
        return self._try(super().has_key, key, version, otherwise=False)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Raises ValueError where there is no such key, also because Redis is away."""
        value = self._try(super().incr, key, delta, version, otherwise=None)
        if value is None:
            raise ValueError(f"Key {key!r} not found.")
        return value

    def _try(self, call: Any, *args: Any, otherwise: Any) -> Any:
        try:
            return call(*args)
        except RedisError as error:
            logger.warning("The cache is away: %s", error)
            return otherwise


def _capped(timeout: Any) -> Any:
    if timeout is None:
        return MAX_TIMEOUT
    return timeout if timeout is DEFAULT_TIMEOUT else min(timeout, MAX_TIMEOUT)
