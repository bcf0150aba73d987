"""`Prefer: wait=N`: scripts wait for the end of a task by one request."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from accounts.actions import make_key
from hub.asgi import application
from hub.threads import KEPT
from tasks.actions import cancel, enqueue
from tasks.jobs import Sleep
from tasks.models import Task
from tasks.tests.monitor.test_follow_the_monitor import Connection
from tasks.waiting import waiting_now

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 40


class Request(Connection):
    """A request as its server speaks it, with a body."""

    def __init__(self, method: str, path: str, key: str, prefer: str, body: Any = None):
        super().__init__(path, authorization=f"Bearer {key}", prefer=prefer, content_type="application/json")
        self.scope["method"], self._body = method, b"" if body is None else json.dumps(body).encode()

    async def receive(self) -> dict[str, Any]:
        message = await super().receive()
        return {**message, "body": self._body} if message["type"] == "http.request" else message

    @property
    def is_whole(self) -> bool:
        return bool(self.said) and self.said[-1]["type"] == "http.response.body" and not self.said[-1].get("more_body")

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self.said[0]["headers"]}

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(b"".join(one.get("body", b"") for one in self.said))


@asynccontextmanager
async def asked(*arguments: Any) -> AsyncIterator[Request]:
    one = Request(*arguments)
    serving = asyncio.create_task(application(one.scope, one.receive, one.send))
    try:
        yield one
    finally:
        one.gone.set()
        await asyncio.wait_for(serving, 15)


@pytest.fixture(autouse=True)
def closed(redis_server):
    yield
    connections.close_all()


@pytest.fixture
def key() -> str:
    return make_key("script", "operator")[1]


@pytest.fixture
def task() -> Task:
    return enqueue(Sleep, {"seconds": 60})


def run(scene: Any) -> Any:
    return asyncio.run(scene)


@pytest.mark.parametrize("path", ["/api/tasks/{}", "/api/tasks/{}/status", "/api/tasks/status/{}"])
def test_a_read_comes_when_the_task_has_ended(key, task, path):
    async def scene() -> Request:
        async with asked("GET", path.format(task.pk), key, "wait=30") as request:
            await request.until(lambda: request.status)
            assert not request.is_whole
            await sync_to_async(cancel)(task)
            await request.until(lambda: request.is_whole)
            return request

    request = run(scene())
    assert (request.status, request.headers["preference-applied"]) == (200, "wait=30")
    assert request.body["state"] in ("cancelled", "REVOKED")


def test_what_starts_a_task_may_wait_for_it_too(key):
    async def scene() -> Request:
        async with asked("POST", "/api/tasks", key, "respond-async, wait=30",
                         {"job": "demo.sleep", "params": {"seconds": 60}}) as request:
            await request.until(lambda: request.status)
            begun = await sync_to_async(Task.objects.get)(job="demo.sleep")
            assert not request.is_whole
            await sync_to_async(cancel)(begun)
            await request.until(lambda: request.is_whole)
            return request

    request = run(scene())
    assert request.status == 202 and request.body["state"] == "cancelled" and request.body["params"] == {"seconds": 60}


def test_after_the_time_it_says_how_the_task_is_then(key, task):
    async def scene() -> Request:
        async with asked("GET", f"/api/tasks/{task.pk}", key, "wait=1") as request:
            await request.until(lambda: request.is_whole)
            return request

    began = time.monotonic()
    request = run(scene())
    assert request.body["state"] == "queued" and time.monotonic() - began >= 1


@pytest.mark.parametrize(("prefer", "applied"), [
    ("wait=999", "wait=60"), ("wait=5; foo, bar", "wait=5"), ("wait=0", None), ("wait=x", None), ("", None),
    ("waiting=5", None),
])
def test_who_asks_for_an_ended_task_does_not_wait(key, task, prefer, applied):
    cancel(task)

    async def scene() -> Request:
        async with asked("GET", f"/api/tasks/{task.pk}", key, prefer) as request:
            await request.until(lambda: request.is_whole, 10)
            return request

    assert run(scene()).headers.get("preference-applied") == applied


def test_many_wait_without_a_thread_each(key, task):
    async def scene() -> list[str]:
        async with asyncio.timeout(60):
            opened = [Request("GET", f"/api/tasks/{task.pk}/status", key, "wait=60") for _ in range(MANY)]
            serving = [asyncio.create_task(application(one.scope, one.receive, one.send)) for one in opened]
            while waiting_now() < MANY:
                await asyncio.sleep(0.05)
            while sum(one.name.startswith("request") for one in threading.enumerate()) > KEPT:
                await asyncio.sleep(0.05)  # those that are not kept are about to end
            await sync_to_async(cancel)(task)
            await asyncio.gather(*serving)
            return [one.body["state"] for one in opened]

    assert run(scene()) == ["REVOKED"] * MANY
    assert waiting_now() == 0
