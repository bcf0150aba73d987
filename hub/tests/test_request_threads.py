"""Requests are served in threads that are kept, each in one of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from hub.threads import Handler

begun, release = threading.Event(), threading.Event()


def which(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(threading.get_ident()))


def slow(request: HttpRequest) -> HttpResponse:
    begun.set()
    assert release.wait(20)
    return which(request)


urlpatterns = [path("which/", which), path("slow/", slow)]


@pytest.fixture
def handler() -> Iterator[Handler]:
    begun.clear()
    release.clear()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[]):
        yield Handler()
    release.set()


async def get(handler: Handler, address: str, hang_up: asyncio.Event | None = None) -> str:
    """The body of the answer; with `hang_up` the visitor leaves when that is set."""
    scope = {"type": "http", "method": "GET", "path": address, "headers": [], "query_string": b""}
    incoming = iter([{"type": "http.request", "body": b""}])
    body = b""

    async def receive() -> dict:
        for message in incoming:
            return message
        await (hang_up or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: dict) -> None:
        nonlocal body
        body += message.get("body", b"")

    await asyncio.wait_for(handler(scope, receive, send), 20)
    return body.decode()


async def until(event: threading.Event) -> None:
    await asyncio.wait_for(asyncio.to_thread(event.wait, 20), 20)


def test_one_request_after_the_other_is_served_by_the_same_thread(handler: Handler):
    async def visit() -> set[str]:
        return {await get(handler, "/which/") for _ in range(5)}

    assert len(asyncio.run(visit())) == 1


def test_a_slow_request_holds_up_nobody(handler: Handler):
    async def visit() -> None:
        waits = asyncio.create_task(get(handler, "/slow/"))
        await until(begun)
        meanwhile = [await get(handler, "/which/") for _ in range(3)]
        assert not waits.done()
        release.set()
        assert await waits not in meanwhile

    asyncio.run(visit())


def test_a_thread_that_still_works_for_somebody_who_left_is_not_handed_on(handler: Handler):
    async def visit() -> None:
        left = asyncio.Event()
        leaves = asyncio.create_task(get(handler, "/slow/", left))
        await until(begun)
        left.set()
        assert await get(handler, "/which/")
        await asyncio.sleep(0)
        assert await get(handler, "/which/")
        release.set()
        await leaves

    asyncio.run(visit())
