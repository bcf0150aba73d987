"""Whoever follows the stream gets each event once and in order: history first, then what happens."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from events import tail
from events.actions import record
from events.relay.loop import Relay
from events.relay.numbering import last_position
from events.relay.redis_stream import RedisCarrier, client, key
from events.relay.source import Source
from events.subjects import Pattern
from events.tests.stream import numbered, sent_on

pytestmark = pytest.mark.django_db(transaction=True)
ALL = Pattern.read(">")


@pytest.fixture(autouse=True)
def empty_redis(redis_server) -> Iterator[Any]:
    redis_server.client().flushall()
    yield redis_server
    if redis_server.process.poll() is not None:
        redis_server.start()
    redis_server.client().flushall()


@pytest.fixture
def relay() -> Iterator[Relay]:
    one = Relay([RedisCarrier()])
    one.start()
    one.lead(True)
    yield one
    one.stop(10)


def gathered(pattern: Pattern, position: int, count: int, while_it_runs: Callable[[], None] = lambda: None,
             seconds: float = 30.0) -> list[dict[str, Any]]:
    """The first so many events that a follower gets; `while_it_runs` is called after its first."""

    async def steps() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        messages = tail.follow(pattern, position)
        async with asyncio.timeout(seconds):
            async for message in messages:
                found.append(json.loads(message.data))
                assert message.id == str(found[-1]["position"])
                if len(found) == 1:
                    await sync_to_async(while_it_runs, thread_sensitive=False)()
                if len(found) == count:
                    break
        await messages.aclose()
        return found

    return asyncio.run(steps())


def write(count: int, action: str = "a.b") -> None:
    try:
        for number in range(count):
            record(action, {"number": number})
    finally:
        connections.close_all()


def test_history_goes_over_into_what_happens_without_gap_or_double(relay, eventually):
    write(300)
    eventually(lambda: last_position() == 300)
    writer = threading.Thread(target=write, args=(300,))
    found = gathered(ALL, 0, 600, writer.start)
    writer.join()
    assert [event["position"] for event in found] == list(range(1, 601))
    assert len({event["id"] for event in found}) == 600


def test_who_comes_back_goes_on_where_it_was(relay, eventually):
    write(40)
    eventually(lambda: last_position() == 40)
    found = gathered(ALL, 0, 17)
    found += gathered(ALL, found[-1]["position"], 23)
    assert [event["position"] for event in found] == list(range(1, 41))


def test_a_pattern_narrows_history_and_what_happens(relay, eventually):
    for number in range(20):
        record(f"{'ab'[number % 2]}.x")
    eventually(lambda: last_position() == 20)
    found = gathered(Pattern.read("hub.*.a.*"), 5, 10, lambda: (write(4, "b.x"), write(3, "a.x")))
    assert [event["position"] for event in found] == [7, 9, 11, 13, 15, 17, 19, 25, 26, 27]


def test_a_reader_far_behind_the_newest_reads_the_database(relay, eventually, monkeypatch):
    monkeypatch.setattr(tail, "HELD", 8)
    monkeypatch.setattr(tail, "STRIDE", 7)
    write(30)
    eventually(lambda: last_position() == 30)
    # While it looks at its first event more is written than is held.
    def fall_behind() -> None:
        try:
            write(50)
            eventually(lambda: last_position() == 80)
        finally:
            connections.close_all()

    found = gathered(ALL, 0, 80, fall_behind)
    assert [event["position"] for event in found] == list(range(1, 81))


def test_it_goes_on_while_redis_is_killed_and_comes_back_empty(relay, empty_redis):
    write(1)

    def harm() -> None:
        write(5)
        empty_redis.kill()
        write(5)
        empty_redis.start()
        empty_redis.client().flushall()
        write(5)

    found = gathered(ALL, 0, 16, harm)
    assert [event["position"] for event in found] == list(range(1, 17))


def test_what_redis_has_lost_in_the_middle_is_in_the_database():
    write(6)
    numbered()
    sent_on(RedisCarrier())
    client().xdel(key(), "2-0", "3-0", "5-0")
    source, last, found = Source(), 0, []
    while last < 6:
        entries = source.more(last, 0.1)
        found += [entry.position for entry in entries]
        last = found[-1]
    assert found == [1, 2, 3, 4, 5, 6]


def test_all_who_follow_share_one_reader_and_nobody_reads_when_they_have_left(relay, eventually, monkeypatch):
    asked = []
    real = Source.more
    monkeypatch.setattr(Source, "more", lambda self, last, wait: asked.append(last) or real(self, last, wait))

    async def steps() -> None:
        followers = [tail.follow(ALL, 0) for _ in range(50)]
        waiting = [asyncio.ensure_future(anext(one)) for one in followers]
        await asyncio.sleep(0)
        await sync_to_async(write, thread_sensitive=False)(1)
        async with asyncio.timeout(20):
            assert {message.id for message in await asyncio.gather(*waiting)} == {"1"}
        for one in followers:
            await one.aclose()
        mine = tail._tails[asyncio.get_running_loop()]
        async with asyncio.timeout(20):
            await mine._reading
        number = len(asked)
        assert number < 50
        await asyncio.sleep(0)
        assert len(asked) == number

    asyncio.run(steps())


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "²", "8", "9" * 30])
def test_a_place_that_is_none_is_refused(text):
    write(7)
    numbered()
    with pytest.raises(tail.BeyondTheEnd):
        tail.checked_position(text)


def test_places_that_are_ones():
    write(7)
    numbered()
    assert [tail.checked_position(text) for text in ("", " ", "0", "7", "007")] == [None, None, 0, 7, 7]
