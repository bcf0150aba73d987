"""Waits for what comes next in the stream: at Redis, and where Redis is away or does not have it at the database."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

import redis
from django.db import close_old_connections

from events.models import Event
from events.relay.numbering import BATCH, after
from events.relay.redis_stream import FIELD, client, key, position_of
from events.shapes import event_json

# Without Redis the database is asked so often (seconds), and Redis so much later again.
POLL, AGAIN = 0.25, 2.0


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in the stream: `text` is its JSON in one line."""

    position: int
    subject: str
    text: str

    @classmethod
    def of(cls, event: Event) -> Entry:
        return cls(event.position, event.subject, event_json(event))


class Source:
    """Where one reader, of a thread of its own, gets the stream from."""

    def __init__(self) -> None:
        self._redis_from = 0.0

    def more(self, last: int, wait: float) -> list[Entry]:
        """What follows on `last`, a batch at most; waits for `wait` seconds (less than two) when there is nothing, and
        then may return nothing. May raise what the database raises."""
        close_old_connections()
        has_redis = time.monotonic() >= self._redis_from
        if has_redis:
            try:
                found = client().xread({key(): f"{last}-0"}, count=BATCH, block=max(1, int(wait * 1000)))
            except redis.RedisError:
                self._redis_from, has_redis = time.monotonic() + AGAIN, False
            else:
                entries = _in_a_row(found[0][1] if found else [], last)
                if entries:
                    return entries
        events = after(last)
        if not events and not has_redis:
            time.sleep(min(POLL, wait))
            events = after(last)
        return [Entry.of(event) for event in events]


def _in_a_row(found: list, last: int) -> list[Entry]:
    """The entries that follow without a gap: nothing when Redis has lost what comes first."""
    entries = []
    for entry, fields in found:
        position = position_of(entry)
        if position != last + 1 + len(entries):
            break
        text = fields[FIELD].decode()
        entries.append(Entry(position, json.loads(text)["subject"], text))
    return entries
