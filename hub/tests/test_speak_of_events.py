"""Scripts read and publish events: over REST and by command."""

from __future__ import annotations

import io
import json
import uuid

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.tests.api_client import error_of
from events.actions import record
from events.context import acting
from events.models import Event
from events.tests.stream import numbered

pytestmark = pytest.mark.django_db
OWN = f"hub.{settings.HUB_ID}"
FIELDS = {"id", "position", "subject", "origin", "actor", "correlation_id", "payload", "timestamp"}


def listed(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["items"]]


def test_who_may_read_and_who_may_publish(api):
    event = record("a.b")
    body = {"subject": f"{OWN}.deploy.done", "payload": {}}
    for path in ("/api/events", f"/api/events/{event.pk}", "/api/events/stream"):
        error_of(api().get(path), 401)
    assert api("viewer").get("/api/events").status_code == 200
    error_of(api().post("/api/events", body), 401)
    error_of(api("viewer").post("/api/events", body), 403)
    error_of(api("viewer").post("/api/events", {"subject": 7}), 403)  # rights are checked before the body
    assert api("operator").post("/api/events", body).status_code == 201


def test_an_event_has_all_its_fields_and_its_position_in_a_moment(api):
    correlation = str(uuid.uuid4())
    sent = {"subject": f"{OWN}.deploy.shop.done", "payload": {"version": "1.2", "ä": [1, None]},
            "correlation_id": correlation}
    event = api("operator").post("/api/events", sent).json()
    assert set(event) == FIELDS
    assert {**event, **sent} == event
    assert (event["origin"], event["actor"], event["position"]) == ("api", "key:operator of a test", None)
    numbered()
    shown = api("viewer").get(f"/api/events/{event['id']}").json()
    assert shown == {**event, "position": Event.objects.get(pk=event["id"]).position}
    assert shown["timestamp"].endswith("Z") and len(shown["timestamp"]) == 27


def test_without_a_correlation_id_it_is_that_of_the_request(api):
    answer = api("operator").post("/api/events", {"subject": f"{OWN}.deploy.done", "payload": {}})
    assert answer.json()["correlation_id"] == answer["X-Correlation-ID"]


def test_an_unknown_event_is_not_found(api):
    error_of(api("viewer").get(f"/api/events/{uuid.uuid4()}"), 404)
    error_of(api("viewer").get("/api/events/7"), 404)


@pytest.mark.parametrize("subject", [
    "", "deploy.done", "hub.other.deploy.done", "OWN.deploy", "OWN.deploy done.x", "OWN.deploy..done", "OWN.deploy.",
    "OWN.deploy.*", "OWN.deploy.>", "OWN.task.created", "OWN.project.started", "OWN.audit.signed-in",
    "OWN.Task.created", "OWN.deploy.é", f"OWN.{'x' * 300}.done", 7, None, ["a"],
])
def test_a_subject_that_cannot_be_is_refused(api, subject):
    if isinstance(subject, str):  # the id is another in each process of the tests, which their names must not be
        subject = subject.replace("OWN", OWN)
    client = api("operator")
    before = Event.objects.count()
    error = error_of(client.post("/api/events", {"subject": subject, "payload": {}}), 422)
    assert error["field"] == "subject"
    assert Event.objects.count() == before


@pytest.mark.parametrize(("payload", "status"), [
    ({"x": "y" * 70_000}, 413), ({"x": "é" * 40_000}, 413), ({"x": "y" * 1_000_000}, 413), ("text", 422), ([1], 422),
    (7, 422), (None, 422),
])
def test_a_payload_that_cannot_be_is_refused(api, payload, status):
    error = error_of(api("operator").post("/api/events", {"subject": f"{OWN}.a.b", "payload": payload}), status)
    assert error["field"] == "payload"


def test_the_largest_payload_is_kept(api):
    payload = {"x": "y" * (64 * 1024 - len('{"x":""}'))}
    answer = api("operator").post("/api/events", {"subject": f"{OWN}.a.b", "payload": payload})
    assert answer.status_code == 201 and Event.objects.get(pk=answer.json()["id"]).payload == payload
    payload["x"] += "y"
    error_of(api("operator").post("/api/events", {"subject": f"{OWN}.a.b", "payload": payload}), 413)


def test_a_payload_nested_deeper_than_a_database_reads_is_refused(api):
    body = f'{{"subject": "{OWN}.a.b", "payload": {{"x": {"[" * 400}{"]" * 400}}}}}'
    error_of(api("operator").post("/api/events", body), 422)


@pytest.mark.parametrize("change", [{"payload": ...}, {"subject": ...}, {"x": 1}, {"correlation_id": "x"}])
def test_a_body_of_the_wrong_shape_is_refused(api, change):
    body = {"subject": f"{OWN}.a.b", "payload": {}, **change}
    body = {name: value for name, value in body.items() if value is not ...}
    error_of(api("operator").post("/api/events", body), 422)


def test_lists_by_subject_actor_request_and_time(api):
    with acting(actor="mara", correlation=uuid.uuid4()):
        first = record("project.started")
    second, third = record("project.stopped"), record("task.started")
    ids = [str(event.pk) for event in (first, second, third)]
    viewer = api("viewer")
    for query, wanted in (
        (f"subject={OWN}.project.>", [1, 0]), ("subject=hub.*.*.started", [2, 0]), (f"subject={OWN}.task.started", [2]),
        (f"subject={OWN}.project.>&order=asc", [0, 1]), ("actor=mara", [0]), ("subject=>&since=1h&actor=mara", [0]),
        (f"correlation_id={first.correlation_id}", [0]), (f"subject={OWN}.project.*&since=2999-01-01", []),
        (f"subject={OWN}.project.*&until=yesterday", []), (f"subject={OWN}.project.*&since=yesterday", [1, 0]),
    ):
        assert listed(viewer.get(f"/api/events?{query}")) == [ids[number] for number in wanted], query


def test_parts_go_on_where_they_ended_while_more_happens(api):
    events = [str(record("a.b").pk) for _ in range(7)]
    seen, cursor = [], ""
    while cursor is not None:
        answer = api("viewer").get(f"/api/events?subject={OWN}.a.*&limit=3&cursor={cursor}")
        seen += listed(answer)
        cursor = answer.json()["next_cursor"]
        record("a.b")
    assert seen == events[::-1]


@pytest.mark.parametrize(("query", "status", "field"), [
    ("subject=a..b", 400, "subject"), ("subject=a.>.b", 400, "subject"), ("subject=a%20b.c", 400, "subject"),
    ("since=x", 400, "since"), ("until=x", 400, "until"), ("since=1h&until=2h", 400, "until"),
    ("limit=0", 422, "limit"), ("limit=201", 422, "limit"), ("order=up", 422, "order"),
    ("correlation_id=x", 422, "correlation_id"), ("cursor=x", 400, "cursor"),
])
def test_what_is_not_understood_is_said(api, query, status, field):
    assert error_of(api("viewer").get(f"/api/events?{query}"), status)["field"] == field


@pytest.mark.parametrize("place", ["9", "-1", "x", "1.5", "9" * 30])
def test_a_stream_from_beyond_the_end_is_refused(api, place):
    record("a.b")
    numbered()
    # Keys are made in a test by commands, which are facts as well: far fewer than this.
    place = place.replace("9", "9999")
    assert error_of(api("viewer").get(f"/api/events/stream?after={place}"), 400)["field"] == "after"
    error_of(api("viewer").get("/api/events/stream", headers={"Last-Event-ID": place}), 400)
    assert error_of(api("viewer").get("/api/events/stream?subject=a..b"), 400)["field"] == "subject"


def test_a_wrong_method_is_said(api):
    error_of(api("operator").delete("/api/events"), 405)


# --- By command -------------------------------------------------------------------------------------------------------


def test_the_command_prints_what_a_pattern_finds(capsys):
    wanted = record("project.started", {"project": 1})
    record("task.started")
    call_command("events", "query", "--subject", "hub.*.project.>", "--json")
    line = json.loads(capsys.readouterr().out)
    assert set(line) == FIELDS and (line["id"], line["payload"]) == (str(wanted.pk), {"project": 1})
    call_command("events", "query", "--since", "1h", "--limit", "1")
    assert capsys.readouterr().out.count("\n") == 1
    call_command("events", "query", "--since", "2999-01-01")
    assert capsys.readouterr().out == ""
    call_command("events", "query", "--format", "table", "--order", "asc")
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["TIME", "POSITION", "SUBJECT", "ACTOR", "PAYLOAD"]
    assert "project.started" in first and "task.started" in second


def test_the_command_reads_more_than_a_page(capsys):
    for _ in range(230):
        record("a.b")
    call_command("events", "query", "--limit", "210")
    assert capsys.readouterr().out.count("\n") == 210


@pytest.mark.parametrize("arguments", [
    ["query", "--subject", "a..b"], ["query", "--since", "yesteryear"], ["query", "--limit", "0"],
    ["query", "--correlation", "x"], ["publish", "a.b"], ["publish", "OWN.task.x"], ["publish", "OWN.a.b", "[]"],
    ["publish", "OWN.a.b", "{"], ["follow", "--after", "9999"], ["replay", "--speed", "0"], ["replay", "--since", "x"],
])
def test_the_command_says_what_it_cannot_read(arguments):
    arguments = [argument.replace("OWN", OWN) for argument in arguments]
    with pytest.raises(CommandError) as caught:
        call_command("events", *arguments)
    assert caught.value.returncode == 2


def test_the_command_publishes(capsys, monkeypatch):
    call_command("events", "publish", f"{OWN}.deploy.done", '{"version": "1.2"}', "--json")
    event = Event.objects.get(pk=json.loads(capsys.readouterr().out)["id"])
    assert (event.payload, event.origin) == ({"version": "1.2"}, "command") and event.actor.startswith("command:")
    monkeypatch.setattr("sys.stdin", io.StringIO('{"from": "a pipe"}'))
    call_command("events", "publish", f"{OWN}.deploy.done", "-", "--json")
    assert json.loads(capsys.readouterr().out)["payload"] == {"from": "a pipe"}


def test_a_replay_is_in_the_order_of_the_stream_and_at_its_pace(capsys, monkeypatch):
    now = timezone.now()
    for seconds, action in ((60, "a.one"), (30, "a.two"), (25, "b.three"), (20, "a.four")):
        Event.objects.create(subject=f"{OWN}.{action}", actor="x", timestamp=now - timezone.timedelta(seconds=seconds))
    numbered()
    record("a.five")  # not in the stream yet
    slept: list[float] = []
    clock = [0.0]
    monkeypatch.setattr("events.replaying.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("events.replaying.time.sleep", lambda seconds: (slept.append(seconds),
                                                                       clock.__setitem__(0, clock[0] + seconds)))
    call_command("events", "replay", "--subject", f"{OWN}.a.*", "--speed", "10")
    said = [json.loads(line)["subject"].rpartition(".")[2] for line in capsys.readouterr().out.splitlines()]
    assert said == ["one", "two", "four"]
    assert slept == pytest.approx([0.0, 3.0, 1.0])
    call_command("events", "replay", "--since", "28s")
    assert capsys.readouterr().out.count("\n") == 2
