"""What the tests of the stream share: a relay at work, facts from many transactions, what Redis holds."""

from __future__ import annotations

import json

from events.relay.numbering import number
from events.relay.redis_stream import RedisCarrier, client, key, position_of


def numbered() -> int:
    """Give positions to all that waits; how many there were."""
    total = 0
    while given := number():
        total += given
    return total


def sent_on(carrier: RedisCarrier) -> None:
    """Send all that has a position."""
    while carrier.turn():
        continue


def in_redis() -> list[tuple[int, dict]]:
    """What the stream holds: (position by its id, event)."""
    return [(position_of(entry), json.loads(fields[b"event"])) for entry, fields in client().xrange(key())]
