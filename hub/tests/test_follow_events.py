"""Scripts follow events over server-sent events and WebSockets, as the web process serves them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.test.utils import override_settings

from accounts.actions import make_key
from conftest import REPOSITORY, process_environment
from events import streams
from events.actions import record
from events.relay.loop import Relay
from events.relay.numbering import last_position
from events.relay.redis_stream import RedisCarrier
from hub.asgi import application
from tasks.tests.monitor.test_follow_the_monitor import Connection, connected

pytestmark = pytest.mark.django_db(transaction=True)
STREAM = "/api/events/stream"
OWN = f"hub.{settings.HUB_ID}"
BOTH = pytest.mark.parametrize("kind", ["http", "websocket"])


@pytest.fixture(autouse=True)
def relay(redis_server) -> Iterator[Relay]:
    redis_server.client().flushall()
    one = Relay([RedisCarrier()])
    one.start()
    one.lead(True)
    yield one
    one.stop(10)
    redis_server.client().flushall()


@pytest.fixture
def key(eventually) -> str:
    plain = make_key("a reader", "viewer")[1]
    eventually(lambda: last_position() == 1)  # that the key was made is the first event
    return f"Bearer {plain}"


def heard(one: Connection) -> list[dict]:
    return [event for _, event in one.messages]


@sync_to_async(thread_sensitive=False)
def tell(*actions: str, about: dict[str, str] | None = None) -> None:
    """Facts from another thread, as requests write them."""
    try:
        for action in actions:
            record(action, about=(about or {}).get(action, ""))
    finally:
        connections.close_all()


@BOTH
def test_only_what_is_new_is_told_without_a_place_to_go_on_from(key, kind):
    async def steps() -> None:
        async with connected(STREAM, kind, authorization=key) as one:
            await one.until(lambda: one.said)
            await tell("a.one", "a.two")
            await one.until(lambda: len(heard(one)) == 2)
            assert [event["position"] for event in heard(one)] == [2, 3]
            assert set(heard(one)[0]) == {"id", "position", "subject", "origin", "actor", "correlation_id", "payload",
                                          "timestamp"}

    asyncio.run(steps())


@BOTH
def test_who_was_cut_off_goes_on_without_gap_or_double(key, kind):
    async def steps() -> None:
        seen: list[dict] = []
        for round_ in range(3):
            place = seen[-1]["position"] if seen else 0
            async with connected(f"{STREAM}?after={place}", kind, authorization=key) as one:
                await tell(*["a.b"] * 4)
                await one.until(lambda one=one, round_=round_: len(heard(one)) >= (5 if round_ == 0 else 9))
            seen += heard(one)
            await tell(*["c.d"] * 5)  # while nobody listens
        assert [event["position"] for event in seen] == list(range(1, len(seen) + 1))
        assert len(seen) == 23

    asyncio.run(steps())


@BOTH
def test_a_key_of_some_projects_hears_of_these_alone(kind, eventually):
    plain = make_key("a reader of one", "viewer", projects=[5])[1]
    eventually(lambda: last_position() == 1)

    async def steps() -> None:
        await tell("a.before", "a.mine", about={"a.mine": "projects.project:5"})
        async with connected(f"{STREAM}?after=0", kind, authorization=f"Bearer {plain}") as one:
            await one.until(lambda: len(heard(one)) == 1)
            await tell("a.theirs", "a.new", about={"a.theirs": "projects.project:55", "a.new": "projects.project:5"})
            await one.until(lambda: len(heard(one)) == 2)
            assert [event["subject"].rpartition(".")[2] for event in heard(one)] == ["mine", "new"]

    asyncio.run(steps())


def test_the_header_of_a_browser_that_comes_again_counts_more_than_the_address(key):
    async def steps() -> None:
        await tell("a.one", "a.two", "a.three")
        async with connected(f"{STREAM}?after=0", authorization=key) as first:
            await first.until(lambda: len(first.messages) == 4)
        assert [place for place, _ in first.messages] == ["1", "2", "3", "4"]
        async with connected(f"{STREAM}?after=0", authorization=key, last_event_id="3") as again:
            await again.until(lambda: again.messages)
        assert [place for place, _ in again.messages] == ["4"]

    asyncio.run(steps())


@BOTH
def test_a_pattern_narrows_history_and_what_comes(key, kind):
    async def steps() -> None:
        await tell("a.one", "b.two", "a.three")
        async with connected(f"{STREAM}?after=0&subject={OWN}.a.*", kind, authorization=key) as one:
            await one.until(lambda: len(heard(one)) == 2)
            await tell("b.four", "a.five")
            await one.until(lambda: len(heard(one)) == 3)
        assert [event["subject"].rpartition(".")[2] for event in heard(one)] == ["one", "three", "five"]

    asyncio.run(steps())


@BOTH
def test_strangers_and_bad_questions_are_refused_before_anything_streams(key, kind):
    async def steps() -> None:
        for path, headers, status in ((STREAM, {}, 401), (f"{STREAM}?after=99999", {"authorization": key}, 400),
                                      (f"{STREAM}?subject=a..b", {"authorization": key}, 400)):
            async with connected(path, kind, **headers) as one:
                await one.until(lambda one=one: one.said)
            if kind == "http":
                assert one.status == status
                assert json.loads(one.said[1]["body"])["error"]["message"]
            else:
                assert one.said[0]["type"] != "websocket.accept"

    asyncio.run(steps())


@BOTH
def test_who_does_not_read_is_cut_off_while_others_go_on(key, kind, monkeypatch):
    for module in ("hub.threads", "hub.websockets"):
        monkeypatch.setattr(f"{module}.PATIENCE", 0.5)

    async def steps() -> None:
        slow = Connection(STREAM, kind, authorization=key)
        serving = asyncio.create_task(_served(slow))
        async with connected(STREAM, kind, authorization=key) as quick:
            await slow.until(lambda: slow.said)
            await quick.until(lambda: quick.said)
            slow.reads.clear()
            for number in range(1, 6):
                await tell("a.b")
                await quick.until(lambda number=number: len(heard(quick)) == number)
            if kind == "websocket":  # even its farewell is not read at once
                await slow.until(lambda: slow.offered[-1]["type"] == "websocket.close")
                slow.reads.set()
            await asyncio.wait_for(serving, 15)
            await tell("a.b")
            await quick.until(lambda: len(heard(quick)) == 6)
        place = heard(slow)[-1]["position"] if heard(slow) else 1
        async with connected(f"{STREAM}?after={place}", kind, authorization=key) as again:
            await again.until(lambda: again.messages and heard(again)[-1]["position"] == 7)
        assert [event["position"] for event in heard(again)] == list(range(place + 1, 8))

    asyncio.run(steps())
    assert streams.EventStream.open_now() == 0


async def _served(one: Connection) -> None:
    await application(one.scope, one.receive, one.send)


def test_a_stream_ends_after_its_time_and_is_asked_for_anew(key, monkeypatch):
    monkeypatch.setattr("hub.api_events.STREAM_LIFE", 0.7)

    async def steps() -> None:
        async with connected(f"{STREAM}?after=0", authorization=key) as one:
            await one.until(lambda: len(one.said) > 1 and not one.said[-1].get("more_body"), 20)
        assert heard(one)[0]["position"] == 1
        text = b"".join(part.get("body", b"") for part in one.said).decode()
        assert re.search(r"^retry: \d+$", text, re.MULTILINE)

    asyncio.run(steps())


def test_a_quiet_line_is_kept_alive(key, monkeypatch):
    monkeypatch.setattr(streams, "QUIET", 0.2)

    async def steps() -> None:
        async with connected(STREAM, authorization=key) as one:
            await one.until(lambda: any(part.get("body") == b":\n\n" for part in one.said))

    asyncio.run(steps())


def test_no_more_are_open_than_may_be(key):
    async def steps() -> None:
        async with connected(STREAM, authorization=key) as one:
            await one.until(lambda: one.said)
            async with connected(STREAM, authorization=key) as second:
                await second.until(lambda: second.said)
            assert second.status == 503 and (b"Retry-After", b"10") in second.said[0]["headers"]

    with override_settings(HUB_MAX_STREAMS=1):
        asyncio.run(steps())


def test_two_hundred_who_follow_get_their_share(key):
    """Each with a pattern of its own, from one process."""

    async def steps() -> None:
        asked = [connected(f"{STREAM}?subject={OWN}.s{number % 20}.*", authorization=key) for number in range(200)]
        opened = [await one.__aenter__() for one in asked]
        for one in opened:
            await one.until(lambda one=one: one.said, 60)
        await tell(*[f"s{number % 20}.x" for number in range(100)])
        for one in opened:
            await one.until(lambda one=one: len(heard(one)) == 5, 60)
        for one in asked:
            await one.__aexit__(None, None, None)

    asyncio.run(steps())
    assert streams.EventStream.open_now() == 0


def test_the_command_follows_through_the_death_of_redis(key, redis_server):
    connections.close_all()
    follow = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "manage.py"), "events", "follow", "--after", "0", "--json", "--limit", "4"],
        env=process_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        lines = [follow.stdout.readline()]
        record("a.one")
        lines.append(follow.stdout.readline())
        redis_server.kill()
        record("a.two")
        lines.append(follow.stdout.readline())
        redis_server.start()
        record("a.three")
        lines.append(follow.stdout.readline())
        assert [json.loads(line)["position"] for line in lines] == [1, 2, 3, 4]
        assert follow.wait(30) == 0
    finally:
        follow.kill()
        follow.wait()
        if redis_server.process.poll() is not None:
            redis_server.start()
