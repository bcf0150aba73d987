"""Counts that all processes of a Hub share: in Redis, each in one step; in this process while Redis is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

logger = logging.getLogger(__name__)

# Seconds for an answer, and for which Redis is not asked again after it gave none.
TIMEOUT, AGAIN = 0.5, 2.0


@cache
def client(url: str) -> redis.Redis:
    """A client that says at once when Redis is away."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=TIMEOUT,
                                socket_connect_timeout=TIMEOUT)


class Shared:
    """A script that Redis runs in one step. `otherwise` answers in its place, in this process, while Redis is away: it
    takes the same arguments."""

    def __init__(self, lua: str, otherwise: Callable[..., list[int]]):
        self._lua, self._otherwise = lua, otherwise
        self._away_until = 0.0

    def __call__(self, name: str, *arguments: Any) -> list[int]:
        """What the script says about the counter of that name."""
        if time.monotonic() >= self._away_until:
            try:
                return _script(settings.REDIS_URL, self._lua)(keys=[f"hub:{settings.HUB_ID}:{name}"], args=arguments)
            except redis.RedisError as error:
                self._away_until = time.monotonic() + AGAIN
                logger.warning("Redis is away, each process counts for itself: %s", error)
        return self._otherwise(name, *arguments)


@cache
def _script(url: str, lua: str) -> Script:
    return client(url).register_script(lua)
