"""Webhooks, Slack, Discord and ntfy: what a real receiver gets, and what it may say."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from alerts import channel_actions, courier
from alerts.channels.registry import KINDS
from alerts.errors import AlertError, Undelivered
from alerts.evaluator import evaluate
from alerts.models import Channel, Notification
from alerts.tests.rows import waiting
from events.models import Event
from events.outgoing.networks import Allowed
from tasks.models import Task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_server")]


@dataclass
class Receiver:
    """A real HTTP server. `status`: what it answers."""

    url: str = ""
    status: int = 200
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.got]


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.HUB_OUTGOING_ALLOW = Allowed.read("127.0.0.1")
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((self.path, dict(self.headers), body))
            self.send_response(found.status)
            self.end_headers()
            self.wfile.write(b"so be it")

        def log_message(self, *args: Any) -> None:
            """Not on the terminal of the tests."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_a_webhook_gets_each_move_once_and_signed(only_rule, receiver):
    only_rule("tasks.depth")
    channel_actions.create("Hook", "webhook", {"url": receiver.url, "secret": "quiet"})
    for tasks in (1, 0):
        Task.objects.all().delete()
        waiting(tasks)
        for _ in range(2):
            evaluate()
            courier.deliver_due()
    assert [(one["transition"], one["title"], one["value"]) for one in receiver.bodies()] == [
        ("firing", "Firing: It is bad", 1), ("resolved", "Resolved: It is bad", 0)]
    _, headers, body = receiver.got[0]
    assert headers["X-Hub-Signature"] == f"sha256={hmac.new(b'quiet', body, hashlib.sha256).hexdigest()}"
    ids = [str(one) for one in Notification.objects.order_by("id").values_list("pk", flat=True)]
    assert [one[1]["Idempotency-Key"] for one in receiver.got] == [one["id"] for one in receiver.bodies()] == ids


@pytest.mark.parametrize("kind", ["slack", "discord", "ntfy"])
def test_each_gets_its_own_form(kind, receiver):
    channel = channel_actions.create("Chat", kind, {"url": receiver.url} | ({"token": "tk"} if kind == "ntfy" else {}))
    channel_actions.test(channel)
    body, = receiver.bodies()
    if kind == "slack":
        assert body["text"] == "Test: this channel works"
        assert "|Open in Hub>" in body["attachments"][0]["blocks"][0]["text"]["text"]
    elif kind == "discord":
        assert body["embeds"][0]["title"] == "Test: this channel works" and body["allowed_mentions"] == {"parse": []}
    else:
        assert (body["topic"], body["priority"]) == ("hook", 3)
        assert receiver.got[0][0] == "/" and receiver.got[0][1]["Authorization"] == "Bearer tk"


@pytest.mark.parametrize("kind", ["webhook", "slack", "discord", "ntfy"])
def test_every_form_can_be_made_of_every_message(kind, receiver, only_rule):
    only_rule("tasks.depth", name="<!channel> & @everyone", level="error")
    channel_actions.create("Chat", kind, {"url": receiver.url})
    waiting(1)
    evaluate()
    assert courier.deliver_due() == 1
    assert KINDS[kind].title
    if kind == "slack":
        assert receiver.bodies()[0]["text"] == "Firing: &lt;!channel&gt; &amp; @everyone"


@pytest.mark.parametrize(("status", "state"), [(400, "given-up"), (404, "waiting"), (429, "waiting"), (503, "waiting"),
                                               (302, "waiting")])
def test_what_it_answers_decides_whether_it_is_tried_again(status, state, receiver, only_rule):
    only_rule("tasks.depth")
    channel_actions.create("Hook", "webhook", {"url": receiver.url})
    receiver.status = status
    waiting(1)
    evaluate()
    courier.deliver_due()
    one = Notification.objects.get()
    assert (one.state, one.error) == (state, f"It answered {status}: so be it")


def test_a_private_address_is_refused_when_it_is_typed_and_when_it_is_sent_to(receiver, settings):
    channel = channel_actions.create("Hook", "webhook", {"url": receiver.url})
    settings.HUB_OUTGOING_ALLOW = Allowed.read("")
    with pytest.raises(AlertError, match="HUB_OUTGOING_ALLOW"):
        channel_actions.create("Other", "webhook", {"url": receiver.url})
    with pytest.raises(Undelivered, match="HUB_OUTGOING_ALLOW"):
        channel_actions.test(channel)
    for url in ("ftp://example.org/", "file:///etc/passwd", "http://user:pw@127.0.0.1/", "no address", ""):
        with pytest.raises(AlertError):
            channel_actions.create("Other", "slack", {"url": url})
    assert receiver.got == []


def test_addresses_and_keys_are_shown_to_nobody(receiver):
    channel = channel_actions.create("Hook", "webhook", {"url": f"{receiver.url}/T0K3N", "secret": "quiet"})
    shown = channel_actions.shown_config(channel)
    assert "T0K3N" not in str(shown) and "quiet" not in str(shown)
    # What comes back as its mask, or not at all, stays.
    channel_actions.change(channel, config={"url": shown["url"], "secret": ""})
    assert Channel.objects.get().config == {"url": f"{receiver.url}/T0K3N", "secret": "quiet"}
    channel_actions.test(channel)
    assert "T0K3N" not in str(list(Event.objects.values_list("payload", flat=True)))
