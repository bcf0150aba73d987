"""Everybody chooses a password, looks at their sessions, and ends them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.actions import make_sign_in_link
from accounts.models import Session
from accounts.tests.counts import start_counting_anew
from accounts.tests.people import PASSWORD, person
from events.models import Event

pytestmark = pytest.mark.django_db
NEW = "another horse, correct too"


@pytest.fixture(autouse=True)
def nothing_counted(redis_server):
    start_counting_anew(redis_server)


def signed_in(user: User, agent: str = "A browser") -> Client:
    client = Client(headers={"User-Agent": agent})
    assert client.post("/sign-in/", {"username": user.username, "password": PASSWORD}).status_code == 302
    return client


def test_a_new_password_signs_out_everywhere_else():
    mara = person("viewer", "mara")
    here, there = signed_in(mara), signed_in(mara)
    answer = here.post("/account/password/", {"old": PASSWORD, "new": NEW})
    assert answer["Location"] == "/account/"
    assert here.get("/account/").status_code == 200 and there.get("/account/").status_code == 302
    assert User.objects.get().check_password(NEW)
    assert Event.objects.filter(subject__endswith=".audit.person-changed").get().payload == {
        "user": "mara", "password": True}


@pytest.mark.parametrize(("old", "new", "said"), [
    ("wrong", NEW, "The old password is wrong."), (PASSWORD, "kurz7", "too short"), (PASSWORD, "password123", "common"),
    (PASSWORD, "31415926535897", "numeric"),
])
def test_a_bad_password_is_refused_and_nothing_changes(old, new, said):
    client = signed_in(person("viewer", "mara"))
    answer = client.post("/account/password/", {"old": old, "new": new})
    assert answer.status_code == 422 and said in answer.text
    assert new not in answer.text and User.objects.get().check_password(PASSWORD)


def test_a_stolen_session_cannot_try_old_passwords_for_ever():
    client = signed_in(person("viewer", "mara"))
    answers = [client.post("/account/password/", {"old": "wrong", "new": NEW}).status_code for _ in range(12)]
    assert answers[0] == 422 and answers[-1] == 429
    late = client.post("/account/password/", {"old": PASSWORD, "new": NEW})
    assert late.status_code == 429 and int(late["Retry-After"]) > 500
    assert User.objects.get().check_password(PASSWORD)


def test_sessions_are_told_apart_and_ended():
    mara = person("viewer", "mara")
    here, there, third = signed_in(mara, "Firefox <b>"), signed_in(mara, "curl"), signed_in(mara, "lynx")
    page = here.get("/account/").text
    assert "Firefox &lt;b&gt;" in page and "curl" in page and page.count("This one") == 1
    keys = re.findall(r"/account/sessions/([0-9a-f]{64})/end/", page)
    assert len(keys) == 2
    row = Session.objects.get(agent="curl")
    assert row.pk in keys
    here.post(f"/account/sessions/{row.pk}/end/")
    assert there.get("/account/").status_code == 302 and third.get("/account/").status_code == 200
    here.post("/account/sessions/end/")
    assert third.get("/account/").status_code == 302 and here.get("/account/").status_code == 200


def test_a_session_of_somebody_else_is_not_there():
    mara, eve = signed_in(person("viewer", "mara")), signed_in(person("admin", "eve"))
    row = Session.objects.get(user__username="mara")
    assert eve.post(f"/account/sessions/{row.pk}/end/").status_code == 404
    assert mara.get("/account/").status_code == 200


def test_what_the_database_holds_of_a_session_signs_nobody_in():
    signed_in(person("viewer", "mara"))
    thief = Client()
    thief.cookies["hub_session"] = ""
    for name in [cookie for cookie in signed_in(User.objects.get()).cookies if "session" in cookie]:
        thief.cookies[name] = Session.objects.first().pk
        assert thief.get("/account/").status_code == 302


def test_that_a_session_is_in_use_is_written_down_now_and_then():
    client = signed_in(person("viewer", "mara"))
    Session.objects.update(seen_at=timezone.now() - timedelta(hours=2))
    client.get("/account/")
    assert timezone.now() - Session.objects.get().seen_at < timedelta(minutes=5)


def test_somebody_without_a_role_chooses_a_password_too():
    client = signed_in(person("", "mara"))
    assert client.post("/account/password/", {"old": PASSWORD, "new": NEW}).status_code == 302


def test_a_forgotten_password_comes_by_mail(settings, eventually):
    settings.EMAIL_HOST = "mail.example.org"
    person("viewer", "mara", email="mara@example.org")
    client = Client()
    known = client.post("/sign-in/forgotten/", {"name": "Mara"})
    unknown = client.post("/sign-in/forgotten/", {"name": "nobody"})
    assert known.content == unknown.content and "on its way" in known.text
    eventually(lambda: mail.outbox)
    assert [message.to for message in mail.outbox] == [["mara@example.org"]]
    link = re.search(r"http://testserver(\S+)", mail.outbox[0].body)[1]
    assert client.post(link, {"password1": NEW}).status_code == 302
    assert User.objects.get().check_password(NEW)


def test_mail_is_not_sent_without_end(settings):
    settings.EMAIL_HOST = "mail.example.org"
    person("viewer", "mara", email="mara@example.org")
    answers = [Client().post("/sign-in/forgotten/", {"name": "mara"}).status_code for _ in range(12)]
    assert answers[0] == 200 and answers[-1] == 429
    assert Event.objects.filter(subject__endswith=".audit.sign-in-link-made").count() <= 10


def test_without_mail_the_page_says_whom_to_ask():
    assert "Ask an admin" in Client().get("/sign-in/forgotten/").text


def test_a_link_for_a_new_password_does_not_sign_in_without_one():
    path = make_sign_in_link(person("viewer", "mara"), password=True)
    client = Client()
    assert client.post(path, {}).status_code == 422
    assert client.get("/tasks/").status_code == 302
    assert client.post(path, {"password1": NEW}).status_code == 302  # it was not spent by that
