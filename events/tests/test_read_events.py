"""Somebody reads what happened: in the list, in one event, in the admin site, by command."""

from __future__ import annotations

import re
import uuid

import pytest
from django.conf import settings

from accounts.tests.people import signed_in
from events.actions import record
from events.context import acting
from events.models import Event

HTML = "<img src=x onerror=alert(1)>"


@pytest.fixture
def reader(db):
    client = signed_in("viewer")
    Event.objects.all()._raw_delete("default")  # the fact that the reader signed in
    return client


def ids(response) -> list[str]:
    return re.findall(r'<tr id="e-([0-9a-f-]{36})"', response.text)


def test_the_newest_comes_first(reader):
    events = [record("project.started"), record("project.stopped")]
    assert ids(reader.get("/events/")) == [str(event.pk) for event in events[::-1]]


def test_fifty_a_page_without_gap_or_repetition_while_new_ones_come(reader):
    written = [str(record("a.b").pk) for _ in range(120)]
    seen, url = [], "/events/"
    while url:
        page = reader.get(url)
        assert len(ids(page)) <= 50
        seen += ids(page)
        older = re.search(r'href="(\?[^"]*)"\s+rel="next"', page.text)
        url = older and "/events/" + older[1].replace("&amp;", "&")
        record("a.b")
    assert seen == written[::-1]


def test_the_length_and_the_order_of_a_page_hold_on_the_next(reader):
    written = [str(record("a.b").pk) for _ in range(7)]
    seen, url = [], "/events/?limit=3&order=asc"
    while url:
        page = reader.get(url)
        assert len(ids(page)) <= 3 and "Oldest first" in page.text
        seen += ids(page)
        newer = re.search(r'href="(\?[^"]*)"\s+rel="next">\s*Newer', page.text)
        url = newer and "/events/" + newer[1].replace("&amp;", "&")
    assert seen == written


def test_filters_hold_on_the_next_page(reader):
    for number in range(60):
        record("a.b", {"number": number})
        record("c.d")
    page = reader.get("/events/?subject=a.b&actor=hub")
    older = re.search(r'href="(\?[^"]*)"\s+rel="next"', page.text)[1].replace("&amp;", "&")
    assert len(ids(page)) == 50
    assert len(ids(reader.get("/events/" + older))) == 10


@pytest.mark.parametrize(("query", "found"), [
    ("subject=project.>", {0, 1}), ("subject=hub.{hub}.project.*", {0, 1}), ("subject=>", {0, 1, 2}),
    ("subject=*.started", {0, 2}), ("actor=mara", {0}), ("subject=task.>&actor=mara", set()), ("actor=Mara", set()),
])
def test_what_filters_find(reader, query, found):
    with acting(actor="mara"):
        events = [record("project.started")]
    events += [record("project.stopped"), record("task.started")]
    response = reader.get(f"/events/?{query.format(hub=settings.HUB_ID)}")
    assert set(ids(response)) == {str(events[number].pk) for number in found}
    assert ("No event matches" in response.text) == (not found)


@pytest.mark.parametrize(("query", "words"), [
    ("subject=a..b", "part 2 is empty"), ("subject=a.>.b", "may only stand at the end"),
    ("subject=<script>", "&lt;script&gt;"), ("correlation=nonsense", "A request is named by a UUID"),
    ("cursor=nonsense", "cursor"), ("since=yesteryear", "is no moment"), ("since=1h&until=2h", "is before since"),
    ("limit=0", "from 1 to 200"), ("limit=201", "from 1 to 200"), ("limit=x", "from 1 to 200"),
    ("limit=%C2%B2", "from 1 to 200"), ("order=up", "asc or desc"),
])
def test_what_cannot_be_understood_is_said(reader, query, words):
    response = reader.get(f"/events/?{query}")
    assert response.status_code == 400
    assert words in response.text
    assert "<script>" not in response.text


def test_one_event_shows_all_of_the_same_request_in_order(reader):
    with acting(actor="mara", via="page", correlation=uuid.uuid4()):
        events = [record("task.created", {"job": "x"}), record("project.starting"), record("project.started")]
    other = record("task.failed")
    text = reader.get(f"/events/{events[1].pk}/").text
    places = [text.index(f"/events/{event.pk}/") for event in (events[0], events[2])]
    assert places == sorted(places)
    assert str(other.pk) not in text
    assert f"/tasks/?correlation={events[0].correlation_id}" in text


def test_html_is_text_everywhere(reader):
    with acting(actor=HTML, address=HTML):
        event = record("a.b", {"name": HTML, HTML: HTML, "task": HTML, "project": HTML})
    for url in ("/events/", f"/events/{event.pk}/", "/events/?actor=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"):
        text = reader.get(url).text
        assert "<img" not in text
        assert "&lt;img" in text


def test_links_lead_to_the_task_and_the_project(reader):
    task = uuid.uuid4()
    record("task.created", {"task": str(task)})
    record("project.created", {"project": 7, "name": "Shop"})
    text = reader.get("/events/").text
    assert f'href="/tasks/{task}/"' in text
    assert '<a href="/projects/7/">Shop</a>' in text


def test_an_unknown_event_is_not_found(reader):
    assert reader.get(f"/events/{uuid.uuid4()}/").status_code == 404


def test_a_page_of_events_costs_few_queries(reader, django_assert_max_num_queries):
    for _ in range(60):
        record("a.b", {"project": 1, "task": str(uuid.uuid4())})
    # One of them is about the alerts that every page tells of.
    with django_assert_max_num_queries(9):
        reader.get("/events/")


def test_the_admin_site_only_shows_them(db):
    client = signed_in("admin")
    event = record("a.b")
    base = "/admin/events/event/"
    assert client.get(base).status_code == 200
    assert client.get(f"{base}{event.pk}/change/").status_code == 200
    assert client.get(f"{base}add/").status_code == 403
    assert client.post(f"{base}{event.pk}/change/", {"actor": "eve"}).status_code == 403
    assert client.post(f"{base}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(base, {"action": "delete_selected", "_selected_action": [str(event.pk)], "post": "yes"})
    assert Event.objects.get(pk=event.pk).actor == "hub"


def test_a_thing_has_its_own_events_and_no_others(reader):
    own = [record("project.starting", about="projects.project:4"), record("task.created", about="projects.project:4")]
    record("project.starting", about="projects.project:42")
    record("project.starting")
    assert ids(reader.get("/events/?about=projects.project:4")) == [str(event.pk) for event in own[::-1]]
