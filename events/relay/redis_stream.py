"""The newest facts in a Redis stream, where readers wait for more.

The id of an entry is `<position>-0`, so Redis itself refuses one that it has, and a reader sees when one is missing:
what is not here is in the database. The stream may be emptied at any time.
"""

from __future__ import annotations

import logging
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from events.relay.numbering import after, last_position
from events.shapes import event_json

logger = logging.getLogger(__name__)

# So many are kept, and a few more.
CAP = 10_000
FIELD = b"event"
# Seconds for an answer, beside those that a reader chooses to wait for more.
TIMEOUT = 2.0


class RedisAway(Exception):
    """Redis does not answer, or takes nothing."""


def key() -> str:
    """The stream of this Hub, beside those of others in the same Redis."""
    return f"hub:{settings.HUB_ID}:events"


@cache
def client() -> redis.Redis:
    """A client that says at once when Redis is away."""
    return redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), socket_timeout=TIMEOUT,
                                socket_connect_timeout=1)


class RedisCarrier:
    """Sends facts to the stream. Its own mark is the stream's last id, so nothing has to be kept elsewhere."""

    name = "redis"

    def __init__(self) -> None:
        self._sent: int | None = None

    def turn(self) -> int:
        """Send what follows, at most a batch; returns how much. Raises RedisAway: then nothing is lost, and the next
        turn asks the stream anew how far it has come."""
        try:
            if self._sent is None:
                self._sent = self._begin()
            events = after(self._sent)
            if events:
                self._send(events)
                self._sent = events[-1].position
            return len(events)
        except redis.RedisError as error:
            self._sent = None
            raise RedisAway(f"Redis took no events: {error}") from error

    def _begin(self) -> int:
        """Where to go on. What has more than was ever given is the stream of a database that was there before."""
        given, there = last_position(), last_sent()
        if there > given:
            logger.warning("The stream in Redis is ahead of the database (%s, %s): it begins anew.", there, given)
            client().delete(key())
            there = 0
        return max(there, given - CAP)

    def _send(self, events: list) -> None:
        pipeline = client().pipeline(transaction=False)
        for event in events:
            pipeline.xadd(key(), {FIELD: event_json(event)}, id=f"{event.position}-0", maxlen=CAP, approximate=True)
        for answer in pipeline.execute(raise_on_error=False):
            # Another relay was quicker, or our own last try got through.
            if isinstance(answer, Exception) and "equal or smaller" not in str(answer):
                raise answer


def last_sent() -> int:
    """The position of the last entry, 0 when there is none. Raises redis.RedisError."""
    newest = client().xrevrange(key(), count=1)
    return position_of(newest[0][0]) if newest else 0


def position_of(entry: bytes) -> int:
    """The position in an entry's id."""
    return int(entry.partition(b"-")[0])
