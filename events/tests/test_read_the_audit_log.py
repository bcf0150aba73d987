"""What people and keys did: on the page, and as a file."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.db import connection

from accounts.tests.people import signed_in
from events.actions import record
from events.changes import differences
from events.context import acting
from events.finding import Wanted, find
from events.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(db):
    client = signed_in("viewer")
    Event.objects.all()._raw_delete("default")  # the fact that the reader signed in
    return client


@pytest.fixture
def told(reader) -> list[Event]:
    """One by a person, one by a key, one by Hub."""
    with acting(actor="mara", via="page", address="192.0.2.7"):
        first = record("project.updated", {"project": 7, "name": "=1+1", **differences(
            {"autostart": False, "token": "old"}, {"autostart": True, "token": "new"})})
    with acting(actor="key:ci", via="api", address="192.0.2.9"):
        second = record("task.created", {"job": "x"})
    with acting(actor="hub", via="worker"):
        third = record("task.succeeded")
    return [first, second, third]


def lines(response) -> list[dict[str, str]]:
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))


def test_the_page_shows_only_what_people_and_keys_did(reader, told):
    text = reader.get("/events/?by=people").text
    assert [str(event.pk) in text for event in told] == [True, True, False]
    assert "autostart false → true" in text


def test_one_shows_what_changed_without_its_secrets(reader, told):
    text = reader.get(f"/events/{told[0].pk}/").text
    assert "What changed" in text and "192.0.2.7" in text and "••••" in text
    assert "old" not in text.split("What changed")[1].split("</table>")[0]
    assert "What changed" not in reader.get(f"/events/{told[1].pk}/").text


def test_a_csv_holds_who_what_when_and_from_where(reader, told):
    response = reader.get("/events/export/?format=csv&by=people")
    assert response["Content-Type"].startswith("text/csv")
    assert ".csv" in response["Content-Disposition"] and "attachment" in response["Content-Disposition"]
    found = lines(response)
    assert [line["id"] for line in found] == [str(told[1].pk), str(told[0].pk)]
    line = found[1]
    assert (line["actor"], line["address"], line["origin"]) == ("mara", "192.0.2.7", "page")
    assert json.loads(line["before"]) == {"autostart": False, "token": "••••"}
    assert json.loads(line["payload"]) == {"project": 7, "name": "=1+1"}


def test_no_cell_begins_a_formula(reader):
    for actor in ("=1+1", "+1", "-1", "@x", "\tx"):
        with acting(actor=actor, via="page"):
            record("a.b")
    assert {line["actor"][0] for line in lines(reader.get("/events/export/"))} == {"'"}


def test_json_is_one_array_of_the_same(reader, told):
    response = reader.get("/events/export/?format=json&subject=project.>")
    found = json.loads(b"".join(response.streaming_content))
    assert [one["id"] for one in found] == [str(told[0].pk)]
    assert found[0]["after"] == {"autostart": True, "token": "••••"} and found[0]["address"] == "192.0.2.7"
    assert json.loads(b"".join(reader.get("/events/export/?format=json&actor=nobody").streaming_content)) == []


def test_more_than_a_page_is_in_the_file(reader):
    for _ in range(450):
        record("a.b")
    assert len(lines(reader.get("/events/export/"))) == 450


@pytest.mark.parametrize("query", ["format=xml", "since=yesteryear", "subject=a..b", "correlation=x"])
def test_what_is_not_understood_is_said(reader, query):
    response = reader.get(f"/events/export/?{query}")
    assert response.status_code == 400 and response.text


def test_strangers_get_nothing(client, db):
    assert client.get("/events/export/").status_code == 302


def test_what_people_did_has_an_index_of_its_own(reader, told):
    rows = find(Wanted(by_people=True)).items
    assert len(rows) == 2
    if connection.vendor == "sqlite":  # PostgreSQL reads a table of three rows as it is
        sql = Event.objects.extra(where=["origin IN ('page', 'api', 'admin', 'command')"]).order_by("-pk")[:51]
        assert "event_by_people" in sql.explain()
