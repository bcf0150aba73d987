"""Somebody opens a one-time sign-in link."""

from __future__ import annotations

import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from accounts.actions import LinkUnusable, make_sign_in_link, read_link, use_link
from accounts.models import Role, SignInLink
from accounts.roles import role_of
from accounts.tests.people import person
from events.models import Event

pytestmark = pytest.mark.django_db

FORM = {"username": "mara", "email": "", "password1": "correct horse battery"}


def test_the_first_admin_is_made_and_signed_in(client):
    path = make_sign_in_link()
    assert "Make the first admin" in client.get(path).text
    response = client.post(path, FORM)
    assert response["Location"] == "/"
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.is_staff) == ("mara", True, True)
    assert role_of(user) == Role.ADMIN
    assert user.check_password(FORM["password1"])
    assert client.get("/tasks/").status_code == 200
    subjects = [event.subject.rpartition(".")[2] for event in Event.objects.order_by("id")]
    assert subjects == ["sign-in-link-made", "admin-made", "sign-in-link-used", "signed-in"]


def test_opening_a_link_does_not_spend_it(client):
    path = make_sign_in_link(person("operator", "mara"))
    for _ in range(3):
        response = client.get(path)
        assert "Sign in as mara" in response.text
        assert "no-store" in response["Cache-Control"]
    assert client.get("/tasks/").status_code == 302
    assert client.post(path).status_code == 302
    assert client.get("/tasks/").status_code == 200


def test_a_link_works_once(client):
    path = make_sign_in_link()
    client.post(path, FORM)
    for response in (client.get(path), client.post(path, {**FORM, "username": "eve"})):
        assert response.status_code == 410
        assert "This link was used" in response.text
    assert [user.username for user in User.objects.all()] == ["mara"]


def test_a_link_works_for_fifteen_minutes(client):
    path = make_sign_in_link()
    assert abs(SignInLink.objects.get().expires_at - timezone.now() - timedelta(minutes=15)) < timedelta(seconds=5)
    SignInLink.objects.update(expires_at=timezone.now())
    response = client.post(path, FORM)
    assert response.status_code == 410
    assert "too old" in response.text
    assert not User.objects.exists()


def test_an_unknown_link_says_so(client):
    response = client.get("/sign-in/nothing/")
    assert response.status_code == 404
    assert "This link is not known" in response.text


def test_the_link_of_somebody_switched_off_does_not_work(client):
    path = make_sign_in_link(person("operator", "mara", is_active=False))
    assert client.post(path).status_code == 404


@pytest.mark.parametrize(("change", "message"), [
    ({"password1": "password"}, "too common"),
    ({"password1": "84729504"}, "entirely numeric"),
    ({"password1": "short"}, "too short"),
    ({"password1": "mara-mara"}, "too similar"),
    ({"password1": ""}, "required"),
    ({"username": ""}, "required"),
    ({"username": "a b"}, "valid username"),
    ({"username": "TAKEN"}, "Somebody has this name"),
    ({"username": "m" * 151}, "at most 150"),
    ({"email": "no address"}, "valid email"),
])
def test_bad_input_is_said_and_leaves_the_link_good(client, change, message):
    person("viewer", "taken")
    path = make_sign_in_link()
    form = {**FORM, **({"username": "mara-mara-1"} if "mara-mara" in change.values() else {}), **change}
    response = client.post(path, form)
    assert response.status_code == 422
    assert message in response.text
    assert client.post(path, FORM).status_code == 302


def test_html_in_a_name_is_shown_as_text(client):
    response = client.post(make_sign_in_link(), {**FORM, "username": "<script>alert(1)</script>"})
    assert "<script>alert" not in response.text
    assert "&lt;script&gt;alert" in response.text


def test_a_second_link_for_the_first_admin_is_good_for_nothing_once_there_is_one(client):
    first, second = make_sign_in_link(), make_sign_in_link()
    assert "Make the first admin" in client.get(second).text
    assert client.post(first, FORM).status_code == 302
    for response in (client.get(second), client.post(second, {**FORM, "username": "eve"})):
        assert response.status_code == 410
        assert "first admin by now" in response.text
    assert [user.username for user in User.objects.all()] == ["mara"]


@pytest.mark.django_db(transaction=True)
def test_of_two_links_used_at_once_one_makes_the_first_admin():
    tokens = [make_sign_in_link().rstrip("/").rpartition("/")[2] for _ in range(2)]
    links, outcomes, barrier = [read_link(token) for token in tokens], [], threading.Barrier(2)

    def use(link: SignInLink, name: str) -> None:
        barrier.wait()
        try:
            outcomes.append(use_link(link, lambda: person("admin", name, is_superuser=True)).username)
        except LinkUnusable as error:
            outcomes.append(error.why)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=use, args=pair) for pair in zip(links, ("ines", "mara"), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert "needless" in outcomes and len(outcomes) == 2
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_gets_the_link(eventually):
    user = person("operator", "mara")
    token = make_sign_in_link(user).rstrip("/").rpartition("/")[2]
    links, outcomes, barrier = [read_link(token), read_link(token)], [], threading.Barrier(2)

    def use(link: SignInLink) -> None:
        barrier.wait()
        try:
            outcomes.append(use_link(link).username)
        except LinkUnusable as error:
            outcomes.append(error.why)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=use, args=[link]) for link in links]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["mara", "used"]


def test_only_a_hash_of_the_link_is_kept():
    token = make_sign_in_link().rstrip("/").rpartition("/")[2]
    assert token not in str(SignInLink.objects.values_list())


def test_the_command_prints_a_whole_link(client, capsys, settings):
    call_command("signin-link")
    out, err = capsys.readouterr()
    assert out.startswith(f"http://127.0.0.1:{settings.ENV.port}/sign-in/")
    assert "Makes the first admin" in err
    assert "Make the first admin" in client.get(urlsplit(out.strip()).path).text
    assert Event.objects.get().actor.startswith("command:")


def test_the_command_signs_in_the_admin_there_is_or_whom_it_is_told(client, capsys):
    person("viewer", "ines")
    person("admin", "mara", is_superuser=True)
    call_command("signin-link")
    assert "Sign in as mara" in client.get(urlsplit(capsys.readouterr().out.strip()).path).text
    call_command("signin-link", "--user", "ines")
    assert "Sign in as ines" in client.get(urlsplit(capsys.readouterr().out.strip()).path).text
    with pytest.raises(CommandError, match="nobody named 'eve'"):
        call_command("signin-link", "--user", "eve")
