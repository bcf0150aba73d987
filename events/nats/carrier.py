"""Publishes the stream to JetStream: in order, each event at least once, under its id as message id."""

from __future__ import annotations

import asyncio
import logging

from django.conf import settings
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from events.models import Event
from events.nats.config import NatsConfig
from events.nats.connection import Connection, NatsAway
from events.nats.state import saw
from events.relay.numbering import after, keep, last_position, mark
from events.shapes import event_json

logger = logging.getLogger(__name__)

NAME = "nats"
# What came from NATS does not go back there.
ORIGIN = "nats"
POSITION = "Hub-Position"
# Of a stream that Hub makes: how long messages are kept, and within which time a second one of an id is none (seconds).
KEEP, DUPLICATES = 30 * 86400.0, 3600.0


class NatsCarrier:
    """Its mark is kept in the database; after each connect the stream itself is asked for the last position it has, so
    that what it lost in a crash is sent again."""

    name = NAME

    def __init__(self, config: NatsConfig):
        self._connection = Connection(config)
        self._sent: int | None = None

    def turn(self) -> int:
        """Send what follows, at most a batch; returns how many positions it went on. Raises NatsAway."""
        try:
            if self._sent is None or not self._connection.is_connected:
                self._sent = self._begin()
            events = after(self._sent)
            if events:
                self._connection.call(lambda client, stream: _publish(stream, events))
                self._sent = events[-1].position
                keep(NAME, self._sent)
            saw(connected=True)
            return len(events)
        except NatsAway as away:
            self._sent = None
            saw(connected=False, problem=str(away))
            raise

    def send(self, events: list[Event]) -> None:
        """Publish these, wherever in the stream they are; its mark stays. Raises NatsAway."""
        if not self._connection.is_connected:
            self._connection.call(_last_in_stream)  # makes the stream where there is none
        self._connection.call(lambda client, stream: _publish(stream, events))

    def close(self) -> None:
        """Leave NATS, and say so."""
        self.leave()
        saw(connected=False)

    def leave(self) -> None:
        """Leave NATS; the connection that counts may be another's."""
        self._connection.close()

    def _begin(self) -> int:
        kept, given = mark(NAME), last_position()
        there = self._connection.call(_last_in_stream)
        # Ahead of the database: that was set back, and what the stream has is of another past.
        return min(kept, given) if there is None or there > given else there


def stream_name() -> str:
    """The stream that Hub makes where no other takes its subjects."""
    return f"HUB_{settings.HUB_ID}"


async def find_stream(stream: JetStreamContext) -> str:
    """The stream that takes the subjects of this Hub; made when there is none."""
    subjects = f"hub.{settings.HUB_ID}.>"
    try:
        return await stream.find_stream_name_by_subject(subjects)
    except NotFoundError:
        await stream.add_stream(StreamConfig(
            name=stream_name(), subjects=[subjects], storage=StorageType.FILE, retention=RetentionPolicy.LIMITS,
            max_age=KEEP, duplicate_window=DUPLICATES, description="Events of Hub",
        ))
        logger.info("The stream %s was made in NATS.", stream_name())
        return stream_name()


async def _last_in_stream(client: Client, stream: JetStreamContext) -> int | None:
    """The position of the last message; None when the stream is empty, or the last is not ours."""
    name = await find_stream(stream)
    info = await stream.stream_info(name)
    if not info.state.messages:
        return None
    try:
        last = await stream.get_msg(name, seq=info.state.last_seq)
    except NotFoundError:  # it was removed by hand
        return None
    text = (last.headers or {}).get(POSITION, "")
    return int(text) if text.isdigit() else None


async def _publish(stream: JetStreamContext, events: list[Event]) -> None:
    """One after the other on one line, so that the server takes them in this order; then all of its answers."""
    answers = [
        await stream.publish_async(event.subject, event_json(event).encode(), wait_stall=5.0, headers={
            "Nats-Msg-Id": str(event.pk), POSITION: str(event.position)})
        for event in events if event.origin != ORIGIN
    ]
    await asyncio.gather(*answers)

