"""Counts of requests and of failures begin at nothing."""

from __future__ import annotations

from typing import Any

from accounts import rates, throttle


def start_counting_anew(redis_server: Any) -> None:
    """Forget what was counted, in Redis and in this process, and that Redis was away."""
    client = redis_server.client()
    if names := [*client.keys("hub:*:rate:*"), *client.keys("hub:*:sign-in:*")]:
        client.delete(*names)
    for shared in (rates._count, throttle._ask, throttle._forget):
        shared._away_until = 0.0
    rates._here._moments.clear()
    throttle._here._entries.clear()
