"""The monitor as it happens: streams of events and WebSockets, as the web process serves them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings

from accounts.models import Role
from accounts.tests.people import person
from events import streams
from events.relay.numbering import number
from events.relay.redis_stream import RedisCarrier
from hub.asgi import application, django_application
from tasks import lane_actions
from tasks.monitor import shared
from tasks.monitor.snapshot import take

pytestmark = pytest.mark.django_db(transaction=True)
STREAM, PAGE = "/api/tasks/stream", "/tasks/monitor/stream/"


@pytest.fixture(autouse=True)
def fresh(redis_server) -> None:
    cache.clear()
    shared.forget()
    assert streams.EventStream.open_now() == 0


@pytest.fixture
def cookie() -> str:
    client = Client()
    client.force_login(person(Role.VIEWER, "vera"))
    return "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())


class Connection:
    """One connection to the web process, as its server speaks to it. While `reads` is cleared, it reads nothing."""

    def __init__(self, path: str, kind: str = "http", **headers: str):
        path, _, query = path.partition("?")
        self.scope = {
            "type": kind, "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "http_version": "1.1", "scheme": "http" if kind == "http" else "ws", "server": ("testserver", 80),
            "headers": [(b"host", b"testserver"), *((n.replace("_", "-").encode(), v.encode())
                                                    for n, v in headers.items())],
        }
        self.said: list[dict[str, Any]] = []
        self.offered: list[dict[str, Any]] = []  # also what is not read
        self.reads, self.gone, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.reads.set()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request"} if self.scope["type"] == "http" else {"type": "websocket.connect"}
        await self.gone.wait()
        return {"type": "http.disconnect" if self.scope["type"] == "http" else "websocket.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.offered.append(message)
        self._news.set()
        await self.reads.wait()
        self.said.append(message)
        self._news.set()

    async def until(self, found: Any, seconds: float = 15.0) -> Any:
        async with asyncio.timeout(seconds):
            while not (value := found()):
                self._news.clear()
                await self._news.wait()
            return value

    @property
    def status(self) -> int:
        return self.said[0]["status"] if self.said else 0

    @property
    def messages(self) -> list[tuple[str, Any]]:
        """(id, data) of each event; of a WebSocket ("", data)."""
        if self.scope["type"] == "websocket":
            return [("", json.loads(one["text"])) for one in self.said if one["type"] == "websocket.send"]
        text = b"".join(one.get("body", b"") for one in self.said).decode()
        found = []
        for event in text.split("\n\n"):
            head, *lines = event.split("\n")
            if head.startswith("id: "):
                data = "\n".join(line.removeprefix("data: ") for line in lines)
                found.append((head.removeprefix("id: "), json.loads(data) if data.startswith("{") else data))
        return found


@asynccontextmanager
async def connected(path: str, kind: str = "http", **headers: str) -> AsyncIterator[Connection]:
    one = Connection(path, kind, **headers)
    serving = asyncio.create_task(application(one.scope, one.receive, one.send))
    try:
        yield one
    finally:
        one.gone.set()
        one.reads.set()
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(serving, 10)


def run(steps: Any) -> None:
    asyncio.run(steps())


def relay() -> None:
    """What `watch` does ten times a second."""
    number()
    RedisCarrier().turn()


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_change_is_told_within_a_second_or_so(cookie, kind):
    async def steps() -> None:
        async with connected(STREAM, kind, cookie=cookie) as one:
            await one.until(lambda: one.messages)
            began = time.monotonic()
            await sync_to_async(lane_actions.pause)("reports")
            await sync_to_async(relay)()
            await one.until(lambda: [lane for lane in one.messages[-1][1]["lanes"] if lane["paused"]])
            assert time.monotonic() - began < 3

    run(steps)


def test_who_comes_again_hears_what_is_now_and_nothing_twice(cookie):
    async def steps() -> None:
        async with connected(PAGE, cookie=cookie) as one:
            last, html = (await one.until(lambda: one.messages))[0]
        assert one.said[0]["status"] == 200 and 'id="monitor"' in html
        async with connected(PAGE, cookie=cookie, last_event_id=last) as again:
            await again.until(lambda: len(again.said) > 1)
            await sync_to_async(lane_actions.pause)("reports")
            (_, html), = await again.until(lambda: again.messages)
            assert "Paused by" in html

    run(steps)


def test_many_listeners_cost_no_more_looks_than_one(cookie, monkeypatch):
    looks = []
    monkeypatch.setattr(shared, "take", lambda: looks.append(time.monotonic()) or take())

    async def steps() -> None:
        listeners = [connected(PAGE if place % 2 else STREAM, cookie=cookie) for place in range(50)]
        opened = [await one.__aenter__() for one in listeners]
        for one in opened:
            await one.until(lambda one=one: one.messages, 30)
        for wish in (lane_actions.pause, lane_actions.resume) * 2:  # however much happens
            heard = len(opened[0].messages)
            await sync_to_async(wish)("reports")
            await sync_to_async(relay)()
            await opened[0].until(lambda heard=heard: len(opened[0].messages) > heard, 30)
        assert min(later - one for one, later in pairwise(looks)) > 0.99  # once a second at most
        assert len(django_application._idle) <= 8  # a stream holds no thread
        for one in listeners:
            await one.__aexit__(None, None, None)

    run(steps)
    assert looks and streams.EventStream.open_now() == 0


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_strangers_are_refused(kind, db):
    async def steps() -> None:
        async with connected(STREAM, kind) as one:
            await one.until(lambda: one.said)
        # A server that can refuse with any status says so: see hub/tests/test_listen.py.
        assert one.status == 401 if kind == "http" else one.said[0]["type"] == "websocket.close"

    run(steps)


def test_a_page_of_another_port_cannot_listen_with_somebodys_cookies(cookie):
    async def steps() -> None:
        for origin, is_let_in in (("http://testserver:8000", False), ("http://testserver", True)):
            async with connected(STREAM, "websocket", cookie=cookie, origin=origin) as one:
                await one.until(lambda one=one: one.said)
            assert (one.said[0]["type"] == "websocket.accept") is is_let_in

    run(steps)


def test_a_websocket_where_nothing_streams_is_refused(cookie):
    async def steps() -> None:
        async with connected("/tasks/", "websocket", cookie=cookie) as one:
            await one.until(lambda: one.said)
        assert one.said[0]["type"] == "websocket.close"

    run(steps)


def test_no_more_streams_are_open_than_may_be(cookie):
    async def steps() -> None:
        async with connected(PAGE, cookie=cookie) as one:
            await one.until(lambda: one.messages)
            async with connected(STREAM, cookie=cookie) as second:
                await second.until(lambda: second.said)
            assert second.status == 503 and (b"Retry-After", b"10") in second.said[0]["headers"]
        async with connected(PAGE, cookie=cookie) as third:
            await third.until(lambda: third.messages)

    with override_settings(HUB_MAX_STREAMS=1):
        run(steps)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_who_does_not_read_is_cut_off(cookie, monkeypatch, kind):
    for module in ("hub.threads", "hub.websockets"):
        monkeypatch.setattr(f"{module}.PATIENCE", 0.3)

    async def steps() -> None:
        one = Connection(STREAM, kind, cookie=cookie)
        serving = asyncio.create_task(application(one.scope, one.receive, one.send))
        await one.until(lambda: one.messages)
        one.reads.clear()
        await asyncio.wait_for(serving, 10)
        if kind == "websocket":  # not even its farewell is read
            assert one.offered[-1] == {"type": "websocket.close", "code": 1008}

    run(steps)
    assert streams.EventStream.open_now() == 0


def test_a_stream_ends_when_its_time_is_over(cookie, monkeypatch):
    monkeypatch.setattr("tasks.monitor.views.LIFE", 0.5)

    async def steps() -> None:
        async with connected(PAGE, cookie=cookie) as one:
            await one.until(lambda: len(one.said) > 1 and not one.said[-1].get("more_body"), 10)

    run(steps)


def test_without_redis_it_goes_on(cookie, redis_server):
    async def steps() -> None:
        async with connected(STREAM, cookie=cookie) as one:
            await one.until(lambda: one.messages and one.messages[-1][1]["workers"]["away"], 30)

    redis_server.kill()
    try:
        run(steps)
    finally:
        redis_server.start()
