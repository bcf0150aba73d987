"""What others say on NATS becomes events: what is allowed, each message once, and never in a loop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from nats.js.api import StreamConfig

from events.actions import record
from events.models import Event
from events.nats.carrier import NatsCarrier, stream_name
from events.nats.config import NatsConfig
from events.nats.consumer import NatsConsumer
from events.tests.stream import numbered
from hub.tests.nats_server import NatsServer

pytestmark = pytest.mark.django_db(transaction=True)
OWN = f"hub.{settings.HUB_ID}"


@pytest.fixture
def server(nats_server) -> NatsServer:
    """With a stream that keeps ci.> and deploy.>."""
    one = nats_server()
    one.ask(lambda client: client.jetstream().add_stream(StreamConfig(name="CI", subjects=["ci.>", "deploy.>"])))
    return one


@pytest.fixture
def consumer_of(server) -> Iterator[Callable[..., NatsConsumer]]:
    made: list[NatsConsumer] = []

    def make(*patterns: str) -> NatsConsumer:
        made.append(NatsConsumer(NatsConfig((server.url,), consume=patterns)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def say(server: NatsServer, *messages: tuple[str, bytes]) -> None:
    async def step(client) -> None:
        for subject, data in messages:
            await client.jetstream().publish(subject, data)

    server.ask(step)


def turned(consumer: NatsConsumer, count: int) -> int:
    """How many messages came in as many turns as it takes to get `count`, and one more: a turn waits half a second for
    messages, and a server on a busy machine may be slower."""
    deadline, came = time.monotonic() + 30, 0
    while came < count and time.monotonic() < deadline:
        came += consumer.turn()
    return came + consumer.turn()


def taken() -> list[tuple[str, dict]]:
    events = Event.objects.filter(origin="nats").order_by("pk")
    return [(event.subject.removeprefix(f"{OWN}."), event.payload) for event in events]


def test_only_what_is_allowed_is_taken_over_and_what_it_says_is_kept(server, consumer_of):
    say(server, ("ci.build.done", b'{"version": 1}'), ("deploy.shop", b"{}"), ("ci.lint", b"[1, 2]"),
        ("ci.text", "Grüße".encode()), ("ci.empty", b""))
    assert turned(consumer_of("ci.>"), 4) == 4
    assert sorted(taken()) == [("nats.ci.build.done", {"version": 1}), ("nats.ci.empty", {}),
                               ("nats.ci.lint", {"value": [1, 2]}), ("nats.ci.text", {"text": "Grüße"})]
    assert {event.actor for event in Event.objects.filter(origin="nats")} == {"nats"}


def test_what_is_said_while_hub_is_away_is_taken_over_once(server, consumer_of):
    say(server, ("ci.one", b"{}"))
    first = consumer_of("ci.>")
    assert turned(first, 1) == 1
    first.close()
    say(server, ("ci.two", b"{}"))
    assert turned(consumer_of("ci.>"), 1) == 1
    assert [subject for subject, _ in taken()] == ["nats.ci.one", "nats.ci.two"]


def test_a_message_whose_acknowledgement_was_lost_is_no_second_event(server, consumer_of, monkeypatch, eventually):
    say(server, ("ci.one", b"{}"))

    async def lost(messages) -> None:
        for message in messages:
            await message.nak()  # it is sent again, as after a death

    with monkeypatch.context() as patch:
        patch.setattr("events.nats.consumer._acknowledge", lost)
        eventually(consumer_of("ci.>").turn, 30, "The message did not come.")
    eventually(consumer_of("ci.>").turn, 30, "The message did not come again.")
    assert len(taken()) == 1


def test_what_cannot_be_an_event_holds_up_nobody(server, consumer_of):
    say(server, ("ci.large", json.dumps({"x": "y" * 70_000}).encode()), ("ci.binary", b"\xff\xfe\x00"),
        ("ci.zero", b'{"x": "\\u0000"}'), ("ci.strange!", b"{}"), ("ci.deep", b"[" * 200 + b"]" * 200),
        ("ci.good", b"{}"))
    assert turned(consumer_of("ci.>"), 6) == 6
    assert taken() == [("nats.ci.good", {})]


def test_a_hub_that_listens_to_itself_makes_no_loop(server, consumer_of):
    carrier = NatsCarrier(NatsConfig((server.url,)))
    try:
        record("a.b")
        numbered()
        carrier.turn()
        say(server, (f"{OWN}.deploy.done", b'{"by": "a script"}'), (f"{OWN}.task.created", b"{}"))
        consumer = consumer_of(f"{OWN}.>")
        assert turned(consumer, 3) == 3
        assert taken() == [("deploy.done", {"by": "a script"})]
        numbered()
        for _ in range(3):
            carrier.turn()
            consumer.turn()
            numbered()
        assert len(server.messages(stream_name())) == 3 and len(taken()) == 1
    finally:
        carrier.close()


def test_a_stream_that_is_made_later_is_found(server, consumer_of, caplog):
    consumer = consumer_of("late.>", "ci.>")
    say(server, ("ci.one", b"{}"))
    assert turned(consumer, 1) == 1 and "no stream that keeps late.>" in caplog.text
    server.ask(lambda client: client.jetstream().add_stream(StreamConfig(name="LATE", subjects=["late.>"])))
    say(server, ("late.one", b"{}"))
    assert turned(consumer, 1) == 1
    assert [subject for subject, _ in taken()] == ["nats.ci.one", "nats.late.one"]
