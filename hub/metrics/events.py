"""The stream of events as metrics: how far it is, and how far behind what has happened."""

from __future__ import annotations

import redis

from events.relay.lag import lag
from events.relay.redis_stream import last_sent
from hub.metrics.exposition import Family


def families() -> list[Family]:
    """`hub_events_sent_position` has no sample for a carrier that does not answer."""
    now = lag()
    position = Family("hub_events_position", "gauge", "The position of the newest event in the stream.")
    position.add(now.position)
    waiting = Family("hub_events_waiting", "gauge", "Events without a position yet, counted up to 10,000.")
    waiting.add(now.waiting)
    seconds = Family("hub_events_lag_seconds", "gauge", "How long the oldest event waits for its position.")
    seconds.add(now.seconds)
    sent = Family("hub_events_sent_position", "gauge", "The position up to which events were sent on, by carrier.")
    try:
        sent.add(last_sent(), to="redis")
    except redis.RedisError:
        return [position, waiting, seconds]
    return [position, waiting, seconds, sent]
