"""Sessions are read with who is signed in, and always from their row."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts import sessions
from accounts.models import Role, Session
from accounts.roles import give_role, role_of
from accounts.sessions import SessionStore, person
from accounts.tests.people import person as somebody
from accounts.tests.people import signed_in

pytestmark = pytest.mark.django_db

SIGN_OUT = "/sign-out/"


@pytest.fixture(autouse=True)
def nobody_known():
    sessions._owners.clear()


def key_of(client: Client) -> str:
    return client.session.session_key


def seen(client: Client) -> User:
    """Who the next request of that browser comes from."""
    return client.get("/").wsgi_request.user


def test_session_and_person_are_one_query_once_they_are_known(django_assert_num_queries):
    client = signed_in("operator")
    seen(client)
    with django_assert_num_queries(1):
        store = SessionStore(key_of(client))
        user = person(int(store["_auth_user_id"]))
        assert role_of(user) == Role.OPERATOR and user.get_username() == "operator" and user.date_joined


def test_each_browser_is_its_own_person():
    people = [signed_in(role) for role in ("viewer", "operator", "admin")]
    for _ in range(2):
        assert [seen(client).get_username() for client in people] == ["viewer", "operator", "admin"]


def test_a_change_is_seen_by_the_next_request():
    client = signed_in("viewer")
    assert role_of(seen(client)) == Role.VIEWER
    give_role(User.objects.get(), Role.ADMIN)
    assert role_of(seen(client)) == Role.ADMIN
    User.objects.update(is_active=False)
    assert client.get("/").status_code == 302


def test_who_signs_in_over_another_is_the_new_one():
    client = signed_in("viewer")
    seen(client)
    client.force_login(somebody("operator", "otto"))
    assert {seen(client).get_username() for _ in range(2)} == {"otto"}


def test_a_wrong_guess_at_whose_it_is_is_not_believed():
    client, other = signed_in("viewer"), somebody("admin", "ada")
    seen(client)
    sessions._owners[key_of(client)] = other.pk
    assert [seen(client).get_username() for _ in range(2)] == ["viewer", "viewer"]


def test_a_session_that_was_ended_elsewhere_is_over():
    client = signed_in("viewer")
    key = key_of(client)
    seen(client)
    Session.objects.filter(pk=sessions.hashed(key)).delete()
    assert client.get("/").status_code == 302
    client.cookies["hub_session_test"] = key
    assert client.get("/").status_code == 302


def test_a_stolen_cookie_is_worth_nothing_after_signing_out():
    client, thief = signed_in("viewer"), Client()
    seen(client)
    thief.cookies = client.cookies.copy()
    assert seen(thief).get_username() == "viewer"
    client.post(SIGN_OUT)
    assert thief.get("/").status_code == 302


def test_a_session_whose_time_is_over_is_none():
    client = signed_in("viewer")
    seen(client)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/").status_code == 302


def test_what_was_tampered_with_is_nobody():
    client = signed_in("viewer")
    seen(client)
    row = Session.objects.get()
    Session.objects.update(session_data=row.session_data[:-3] + "abc")
    assert client.get("/").status_code == 302


def test_few_are_remembered(monkeypatch):
    monkeypatch.setattr(sessions, "MOST", 2)
    user = somebody("viewer")
    for _ in range(5):
        client = Client()
        client.force_login(user)
        assert seen(client) == user
        assert len(sessions._owners) <= 2
