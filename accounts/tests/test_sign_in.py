"""Somebody signs in and out, with a name and a password."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from accounts.tests.counts import start_counting_anew
from accounts.tests.people import PASSWORD, person, signed_in
from events.models import Event

pytestmark = pytest.mark.django_db

FORM = {"username": "mara", "password": PASSWORD}


@pytest.fixture(autouse=True)
def nothing_counted(redis_server):
    start_counting_anew(redis_server)


def facts() -> list[str]:
    return [event.subject.split(".", 2)[2] for event in Event.objects.order_by("id")]


def test_a_name_and_its_password_sign_in(client):
    person("operator", "mara")
    response = client.post("/sign-in/", FORM)
    assert response.status_code == 302
    assert response["Location"] == "/"
    assert client.get("/tasks/").status_code == 200
    event = Event.objects.get()
    assert event.subject == f"hub.{settings.HUB_ID}.audit.signed-in"
    assert (event.actor, event.origin, event.payload) == ("mara", "page", {"user": "mara"})
    assert str(event.correlation_id) == response["X-Correlation-ID"]


def test_a_wrong_password_says_how_many_tries_are_left(client):
    person("operator", "mara")
    response = client.post("/sign-in/", {**FORM, "password": "wrong"})
    assert response.status_code == 422
    assert "Name or password is wrong. 9 tries are left" in response.text
    assert client.get("/tasks/").status_code == 302
    assert facts() == ["audit.sign-in-failed"]
    assert Event.objects.get().payload == {"user": "mara"}


def test_a_name_that_nobody_has_is_answered_alike_and_not_written_down(client):
    response = client.post("/sign-in/", {"username": "my secret", "password": "wrong"})
    assert "Name or password is wrong" in response.text
    assert Event.objects.get().payload == {"user": None}


def test_somebody_switched_off_cannot_sign_in(client):
    person("operator", "mara", is_active=False)
    assert client.post("/sign-in/", FORM).status_code == 422


def test_somebody_switched_off_is_signed_out_at_the_next_request(client):
    user = person("operator", "mara")
    client.force_login(user)
    assert client.get("/tasks/").status_code == 200
    user.is_active = False
    user.save()
    assert client.get("/tasks/").status_code == 302


def test_ten_failures_close_the_door_for_that_address_only(client):
    person("operator", "mara")
    for _ in range(9):
        assert client.post("/sign-in/", {**FORM, "password": "wrong"}).status_code == 422
    tenth = client.post("/sign-in/", {**FORM, "password": "wrong"})
    assert tenth.status_code == 429
    right = client.post("/sign-in/", FORM)
    assert right.status_code == 429
    assert 590 <= int(right["Retry-After"]) <= 600
    assert "10 minutes" in right.text
    assert facts()[-1] == "audit.sign-in-limited"
    assert client.post("/sign-in/", FORM, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_who_goes_on_to_fail_waits_twice_as_long_each_time(client, redis_server):
    person("operator", "mara")
    waits = []
    for _ in range(3):
        while (answer := client.post("/sign-in/", {**FORM, "password": "wrong"})).status_code != 429:
            assert len(facts()) < 20
        waits.append(int(answer["Retry-After"]))
        for name in redis_server.client().keys("*:sign-in:*"):
            redis_server.client().hset(name, "until", 0)  # the time is over
    assert waits == [600, 1200, 2400]
    alarms = Event.objects.filter(subject__endswith=".audit.sign-in-limited").order_by("id")
    assert [alarm.payload for alarm in alarms] == [
        {"address": "127.0.0.1", "user": "mara", "closed": "address", "seconds": wait} for wait in waits]


def test_twenty_failures_with_one_name_close_it_from_everywhere(client):
    person("operator", "mara")
    person("operator", "ines")
    for number in range(20):
        answer = client.post("/sign-in/", {**FORM, "password": "wrong"}, REMOTE_ADDR=f"192.0.2.{number}")
    assert answer.status_code == 429
    assert client.post("/sign-in/", FORM, REMOTE_ADDR="192.0.2.77").status_code == 429
    assert client.post("/sign-in/", {**FORM, "username": "MARA"}, REMOTE_ADDR="192.0.2.77").status_code == 429
    assert client.post("/sign-in/", {**FORM, "username": "ines"}, REMOTE_ADDR="192.0.2.77").status_code == 302
    assert Event.objects.filter(subject__endswith=".audit.sign-in-limited").get().payload["closed"] == "name"


def test_who_comes_in_starts_anew(client):
    person("operator", "mara")
    for number in range(40):
        wrong = {"password": "wrong"} if number % 19 else {}
        answer = client.post("/sign-in/", {**FORM, **wrong}, REMOTE_ADDR=f"192.0.2.{number}")
        assert answer.status_code == (422 if wrong else 302)
        client.cookies.clear()


def test_failures_are_counted_without_redis_too(client, settings):
    settings.REDIS_URL = f"unix://{settings.HUB_DATA}/nothing.sock"
    person("operator", "mara")
    answers = [client.post("/sign-in/", {**FORM, "password": "wrong"}).status_code for _ in range(11)]
    assert answers == [422] * 9 + [429] * 2


def test_no_name_that_was_typed_is_kept_in_redis(client, redis_server):
    client.post("/sign-in/", {"username": "my secret", "password": "hunter2"})
    seen = redis_server.client().keys("*:sign-in:*")
    assert len(seen) == 2 and not any(b"secret" in name or b"127.0.0.1" in name for name in seen)


def test_an_empty_form_is_no_failure(client):
    assert "Type your name" in client.post("/sign-in/", {}).text
    assert Event.objects.count() == 0


@pytest.mark.parametrize("target", [
    "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:evil.example", "\thttps://e",
])
def test_next_never_leads_away(client, target):
    person("operator", "mara")
    assert client.post("/sign-in/", {**FORM, "next": target})["Location"] == "/"
    assert client.post(f"/sign-in/?next={target}", FORM)["Location"] == "/"


def test_next_leads_back_to_where_it_was_asked(client):
    person("operator", "mara")
    asked = client.get("/tasks/?state=failed")
    assert asked["Location"] == "/sign-in/?next=/tasks/%3Fstate%3Dfailed"
    form = client.get(asked["Location"])
    assert 'name="next" value="/tasks/?state=failed"' in form.text
    assert client.post("/sign-in/", {**FORM, "next": "/tasks/?state=failed"})["Location"] == "/tasks/?state=failed"


@pytest.mark.parametrize("path", ["/", "/projects/", "/tasks/", "/events/", "/admin/", "/rq/", "/nothing/", "/theme"])
def test_strangers_are_sent_to_the_sign_in_page(client, path):
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/?next=")


def test_the_poll_of_somebody_signed_out_leads_the_whole_page_away(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/tasks/?state=running"}
    response = client.get("/tasks/rows/", headers=headers)
    assert response.status_code == 401
    assert response["HX-Redirect"] == "/sign-in/?next=/tasks/%3Fstate%3Drunning"


def test_the_poll_cannot_lead_to_another_host(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/tasks/"}
    assert client.get("/tasks/rows/", headers=headers)["HX-Redirect"] == "/sign-in/?next=/"


@pytest.mark.parametrize("path", ["/sign-in/", "/health"])
def test_what_works_without_signing_in(client, path):
    assert client.get(path).status_code != 302


def test_signing_out_ends_the_session_on_the_server_too():
    client = signed_in("viewer")
    stolen = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = stolen
    assert thief.get("/tasks/").status_code == 302
    assert facts() == ["audit.signed-in", "audit.signed-out"]


def test_a_link_cannot_sign_out():
    client = signed_in("viewer")
    assert client.get("/sign-out/").status_code == 405
    assert client.get("/tasks/").status_code == 200


@pytest.mark.parametrize("path", ["/sign-in/", "/sign-out/", "/theme"])
def test_forms_of_other_sites_are_refused(path):
    person("operator", "mara")
    client = signed_in("viewer", enforce_csrf_checks=True)
    response = client.post(path, FORM)
    assert response.status_code == 403
    assert "nothing was done" in response.text


def test_a_form_of_this_site_is_taken():
    person("operator", "mara")
    client = Client(enforce_csrf_checks=True)
    client.get("/sign-in/")
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    assert client.post("/sign-in/", {**FORM, "csrfmiddlewaretoken": token}).status_code == 302


def test_hub_goes_on_while_redis_is_away(client, settings):
    location = f"unix://{settings.HUB_DATA}/nothing.sock"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": location}}
    settings.REDIS_URL = location
    person("operator", "mara")
    assert client.post("/sign-in/", {**FORM, "password": "wrong"}).status_code == 422
    assert client.post("/sign-in/", FORM).status_code == 302
    assert client.get("/tasks/").status_code == 200
    client.post("/sign-out/")
    assert client.get("/tasks/").status_code == 302
