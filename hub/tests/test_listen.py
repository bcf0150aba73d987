"""Streams as scripts hear them from the web process itself: who may, who comes again, and who does harm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.actions import make_key
from accounts.models import Role
from conftest import REPOSITORY, process_environment
from hub.tests.listeners import PING, TEXT, Events, Listener, WebSocket, frame_of
from hub.tests.web_process import MOST_STREAMS
from tasks import lane_actions
from tasks.models import Task

pytestmark = pytest.mark.django_db(transaction=True)
STREAM = "/api/tasks/stream"
BOTH = pytest.mark.parametrize("way", [Events, WebSocket])


@dataclass
class Web:
    """The web process, a viewer's key, and who listens with it."""

    port: int
    process: psutil.Process
    key: str = ""
    opened: list[Listener] = field(default_factory=list)

    def listen(self, way: type[Listener], path: str = STREAM, **options) -> Listener:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        self.opened.append(way(self.port, path, headers, **options))
        return self.opened[-1]

    @property
    def sockets(self) -> int:
        """How many connections it holds, also those that it is about to let go."""
        return sum(one.status != psutil.CONN_LISTEN for child in [self.process, *self.process.children()]
                   for one in child.net_connections(kind="tcp4"))


@pytest.fixture(scope="module")
def process(django_db_setup, redis_server, tmp_path_factory) -> Iterator[Web]:
    log = tmp_path_factory.mktemp("web") / "web.log"
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "hub.tests.web_process"], cwd=REPOSITORY, stderr=out,
                                   env=process_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        port = int(process.stdout.readline() or 0)
        assert port, log.read_text()
        yield Web(port, psutil.Process(process.pid))
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.fixture
def web(process: Web, transactional_db, eventually) -> Iterator[Web]:
    cache.clear()
    process.key = make_key("a listener", Role.VIEWER)[1]
    yield process
    for one in process.opened:
        one.close()
    process.opened.clear()
    eventually(lambda: process.sockets == 0, 20, "Connections stay open.")


@BOTH
def test_who_may_not_listen_is_told_why_before_the_stream_begins(web: Web, way):
    key, web.key = web.key, ""
    stranger = web.listen(way)
    assert stranger.status == 401 and json.loads(stranger.body)["error"]["code"] == "unauthenticated"
    web.key = key
    assert web.listen(way, "/api/no/such/stream").status == 404
    open_ones = [web.listen(way) for _ in range(MOST_STREAMS)]
    assert [one.status for one in open_ones] == [200 if way is Events else 101] * MOST_STREAMS
    late = web.listen(way)
    assert late.status == 503 and late.headers["retry-after"] == "10" and "Too many streams" in late.body


def test_a_websocket_at_a_page_is_refused(web: Web):
    refused = web.listen(WebSocket, "/health")
    assert refused.status == 403 and "Nothing is streamed" in refused.body


def test_who_was_cut_off_misses_nothing(web: Web):
    def ended(number: int, **fields) -> None:
        for _ in range(number):
            Task.objects.create(**{"job": "demo.sleep", "title": "t", "actor": "vera", "state": "succeeded",
                                   "finished_at": timezone.now(), **fields})

    def heard(one: Listener, number: int) -> dict:
        """The first snapshot in which so many have succeeded within the hour."""
        while True:
            told, data = one.next()
            snapshot = json.loads(data)
            assert told in ("", snapshot["version"])
            if sum(column[1] for column in snapshot["ended"]["hour"]) == number:
                return snapshot

    ended(2)
    last = {}
    for way in (Events, WebSocket):
        first = web.listen(way)
        last[way] = heard(first, 2)["version"]
        first.close()
    # Meanwhile some end, and a lane is as it was before when they come again.
    ended(3)
    ended(1, state="failed", error="Meanwhile.")
    lane_actions.pause("reports")
    lane_actions.resume("reports")
    again = [web.listen(way, f"{STREAM}?last={last[way]}") for way in (Events, WebSocket)]
    for one in again:
        found = heard(one, 5)
        assert [failure["error"] for failure in found["failures"]] == ["Meanwhile."]
        assert found["window"]["succeeded"] == 5 and found["window"]["failed"] == 1
    ended(1)
    for one in again:
        heard(one, 6)


@BOTH
def test_who_does_not_read_is_cut_off_and_leaves_nothing_behind(web: Web, way, eventually):
    deaf = [web.listen(way, "/api/flood", buffer=4096) for _ in range(MOST_STREAMS)]
    assert {one.status for one in deaf} <= {200, 101}
    eventually(lambda: web.sockets == 0, 30, "Connections of who does not read stay open.")
    eventually(lambda: web.listen(way).status in (200, 101), 10, "Streams are counted that nobody hears.")


@pytest.mark.parametrize("said", [
    frame_of(TEXT, b"hello") * 200,
    b"\x81\x05hello",  # not masked
    b"\x83\x80" + bytes(4),  # a kind that there is not
    b"\x81\xff" + b"\x7f" + b"\xff" * 7 + bytes(4),  # exabytes to come
    frame_of(TEXT, b"x" * 5000),
    frame_of(TEXT, b"\xff\xfe"),
    frame_of(0x0, b"the rest of nothing"),
    b"GET / HTTP/1.1\r\n\r\n",
    bytes(range(256)) * 40,
], ids=["chatter", "unmasked", "unknown", "endless", "long", "no-text", "rest", "http", "noise"])
def test_what_a_websocket_says_does_no_harm(web: Web, said, eventually):
    hostile = web.listen(WebSocket)
    hostile.socket.sendall(said)
    with pytest.raises(ConnectionError):
        while True:
            hostile.next()
    hostile.close()
    eventually(lambda: web.sockets == 0, 20)
    assert json.loads(web.listen(WebSocket).next()[1])["version"]


def test_who_pings_and_does_not_read_is_cut_off(web: Web, eventually):
    hostile = web.listen(WebSocket, buffer=4096)
    with pytest.raises(OSError):  # reset, broken pipe: whatever the system calls it
        while True:
            hostile.say(PING, b"x" * 125, times=2000)
    eventually(lambda: web.sockets == 0, 20)
