"""Requests are served in threads that are kept, each in one of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

from hub.threads import Handler

begun, release, closed = threading.Event(), threading.Event(), threading.Event()


def which(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(threading.get_ident()))


def slow(request: HttpRequest) -> HttpResponse:
    begun.set()
    assert release.wait(20)
    return which(request)


async def words() -> AsyncIterator[bytes]:
    for word in (b"one ", b"two ", b"three"):
        yield word


async def dots() -> AsyncIterator[bytes]:
    while True:
        begun.set()
        yield b"."
        await asyncio.sleep(0.001)


def streamed(parts: AsyncIterator[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(parts)
    response._resource_closers.append(closed.set)
    return response


urlpatterns = [
    path("which/", which),
    path("slow/", slow),
    path("endless/", lambda request: streamed(dots())),
    path("parts/", lambda request: streamed(words())),
]


@pytest.fixture
def handler() -> Iterator[Handler]:
    for event in (begun, release, closed):
        event.clear()
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


def test_a_thread_that_still_works_for_a_request_that_was_given_up_is_not_handed_on(handler: Handler):
    async def visit() -> None:
        leaves = asyncio.create_task(get(handler, "/slow/"))
        await until(begun)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        assert await get(handler, "/which/")  # would wait for ever in the busy thread
        release.set()

    asyncio.run(visit())


def test_all_of_a_request_happens_in_its_thread_at_once(handler: Handler):
    def note(**kwargs) -> None:
        seen.append(threading.get_ident())

    seen: list[int] = []
    request_started.connect(note)
    request_finished.connect(note)
    try:
        answer = asyncio.run(get(handler, "/which/"))
    finally:
        request_started.disconnect(note)
        request_finished.disconnect(note)
    assert seen == [int(answer)] * 2


def test_what_streams_ends_when_who_asked_has_left_and_is_closed(handler: Handler):
    async def visit() -> str:
        left = asyncio.Event()
        listens = asyncio.create_task(get(handler, "/endless/", left))
        await until(begun)
        left.set()
        return await listens

    assert set(asyncio.run(visit())) == {"."}
    assert closed.is_set()


def test_what_streams_to_its_end_is_sent_whole_and_closed(handler: Handler):
    assert asyncio.run(get(handler, "/parts/")) == "one two three"
    assert closed.is_set()
