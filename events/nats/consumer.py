"""Takes over what others say on NATS: subjects of an allow-list, from the streams that keep them, each message once."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from events.actions import fact
from events.context import acting
from events.models import Event
from events.nats.carrier import ORIGIN, POSITION
from events.nats.config import NatsConfig
from events.nats.connection import Connection
from events.publishing import BadPayload, check_payload, checked_subject
from events.relay.numbering import BATCH
from events.statements import insertion, run
from events.subjects import BadSubject, own

logger = logging.getLogger(__name__)

# Seconds to wait for messages where there are none.
WAIT = 0.5


class NatsConsumer:
    """One durable consumer for each pattern, so what is said while Hub is away is taken over when it is back.

    No loops: what Hub published is passed over, and what it took over (`origin` nats) is not published.
    """

    name = "nats in"

    def __init__(self, config: NatsConfig):
        self._patterns = config.consume
        self._connection = Connection(config)
        self._subscribed: list[JetStreamContext.PullSubscription] = []
        self._missing: set[str] = set()

    def turn(self) -> int:
        """Take over what is there, at most a batch of each pattern; returns how many messages. Raises NatsAway."""
        if not self._connection.is_connected or len(self._subscribed) < len(self._patterns):
            self._subscribed = self._connection.call(self._subscribe)
        messages = self._connection.call(lambda client, stream: _fetched(self._subscribed))
        for message in messages:
            take_over(message)
        if messages:
            # Only now: one that was not written is sent again.
            self._connection.call(lambda client, stream: _acknowledge(messages))
        return len(messages)

    def close(self) -> None:
        """Leave NATS; the consumers stay, with their places."""
        self._connection.close()

    async def _subscribe(self, client: Client, stream: JetStreamContext) -> list[JetStreamContext.PullSubscription]:
        subscribed = []
        for pattern in self._patterns:
            durable = "hub-" + hashlib.sha256(f"{own()}{pattern}".encode()).hexdigest()[:16]
            try:
                name = await stream.find_stream_name_by_subject(pattern)
            except NotFoundError:
                if pattern not in self._missing:
                    logger.warning("NATS has no stream that keeps %s: nothing of it is taken over yet.", pattern)
                self._missing.add(pattern)
                continue
            self._missing.discard(pattern)
            subscribed.append(await stream.pull_subscribe(pattern, durable=durable, stream=name))
        return subscribed


def take_over(message: Msg) -> Event | None:
    """Write a message as an event; None for one that is ours, is there already, or cannot be one."""
    if POSITION in (message.headers or {}):
        return None
    try:
        action, payload = _action(message.subject), _payload(message.data)
        check_payload(payload)
        with acting(actor="nats", via=ORIGIN, correlation=uuid.uuid4()):
            event = fact(action, payload)
    except (BadSubject, BadPayload) as error:
        logger.warning("A message on %s was not taken over: %s", message.subject, error)
        return None
    event.pk, event.timestamp = _id(message), message.metadata.timestamp
    try:
        with transaction.atomic():
            run(insertion(event))
    except IntegrityError:  # it came before, and its acknowledgement was lost
        return None
    return event


def _action(subject: str) -> str:
    """Under this Hub's name in the domain `nats`; what is said in this Hub's name already stays as it is."""
    if subject.startswith(own()):
        return checked_subject(subject)
    action = f"nats.{subject}"
    if len(own()) + len(action) > 255:
        raise BadSubject("its subject is too long.")
    return action


def _payload(data: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        try:
            return {"text": data.decode()}
        except UnicodeDecodeError:
            raise BadPayload("it is neither JSON nor text.") from None
    return payload if isinstance(payload, dict) else {"value": payload}


def _id(message: Msg) -> uuid.UUID:
    """The same for the same message, and of its time: version 7 with a hash in place of what is random."""
    place = f"{message.metadata.stream}:{message.metadata.sequence.stream}"
    digest = int.from_bytes(hashlib.sha256(f"{own()}{place}".encode()).digest()[:10])
    milliseconds = int(message.metadata.timestamp.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | (digest >> 62 & 0xFFF) << 64 | 0b10 << 62
                     | digest & (1 << 62) - 1)


async def _fetched(subscriptions: Sequence[JetStreamContext.PullSubscription]) -> list[Msg]:
    found: list[Msg] = []
    for one in subscriptions:
        try:
            found += await one.fetch(BATCH, timeout=WAIT)
        except TimeoutError:  # the library's own, or asyncio's where the time was over before it asked: nothing there
            continue
    return found


async def _acknowledge(messages: Sequence[Msg]) -> None:
    for message in messages:
        await message.ack()
