"""Admins let people in, give them roles and grants, and switch them off; nobody gives more than they have."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.grants import reach_of
from accounts.models import Access, Grant, Role, Session
from accounts.roles import role_of
from accounts.tests.people import person, signed_in
from events.models import Event
from projects.models import Project

pytestmark = pytest.mark.django_db
POSTS = ("role", "access", "grant", "switch", "sessions/end", "link")


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(person("admin", "mara"))
    return client


def facts(action: str) -> list[dict]:
    return [event.payload for event in Event.objects.filter(subject__endswith=f".audit.{action}").order_by("id")]


def test_somebody_is_let_in_by_a_link_and_chooses_a_password(admin):
    answer = admin.post("/people/invite/", {"name": "ines", "email": "ines@example.org", "role": "operator"})
    link = re.search(r"http://testserver(/sign-in/[^<\s]+)", answer.text)[1]
    assert "no-store" in answer["Cache-Control"]
    ines = User.objects.get(username="ines")
    assert role_of(ines) == Role.OPERATOR and not ines.has_usable_password()
    assert facts("person-changed") == [{"user": "ines", "made": True, "role": "operator"}]
    browser = Client()
    assert "A new password for ines" in browser.get(link).text
    assert browser.post(link, {"password1": "short"}).status_code == 422
    assert browser.post(link, {"password1": "a horse that is correct"})["Location"] == "/"
    assert browser.get("/tasks/").status_code == 200
    assert User.objects.get(username="ines").check_password("a horse that is correct")
    assert browser.get(link).status_code == 410


@pytest.mark.parametrize(("name", "email", "role"), [
    ("", "", "viewer"), ("a b", "", "viewer"), ("MARA", "", "viewer"), ("ines", "x", "viewer"), ("ines", "", "owner"),
    ("x" * 151, "", "viewer"),
])
def test_who_cannot_be_let_in_is_told(admin, name, email, role):
    answer = admin.post("/people/invite/", {"name": name, "email": email, "role": role})
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert User.objects.count() == 1


def test_a_role_is_given_and_the_answer_is_the_part_that_htmx_asked_for(admin):
    ines = person("viewer", "ines")
    answer = admin.post(f"/people/{ines.pk}/role/", {"role": "operator"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and answer.text.startswith('<div class="stack" id="person">')
    assert role_of(User.objects.get(pk=ines.pk)) == Role.OPERATOR
    assert admin.post(f"/people/{ines.pk}/role/", {"role": "viewer"})["Location"] == f"/people/{ines.pk}/"


def test_limits_and_grants(admin, tmp_path):
    ines, shop = person("operator", "ines"), Project.objects.create(name="Shop", slug="shop", path=str(tmp_path))
    admin.post(f"/people/{ines.pk}/access/", {"limited": "on"})
    admin.post(f"/people/{ines.pk}/grant/", {"project": shop.pk, "role": "viewer"})
    reach = reach_of(User.objects.get(pk=ines.pk))
    assert (reach.limited, reach.payloads, reach.grants) == (True, False, {shop.pk: "viewer"})
    assert "Shop" in admin.get(f"/people/{ines.pk}/").text
    admin.post(f"/people/{ines.pk}/grant/", {"project": shop.pk, "role": ""})
    admin.post(f"/people/{ines.pk}/access/", {"payloads": "on"})
    assert not Grant.objects.exists() and Access.objects.filter(limited=False, payloads=True).count() == 1
    for project, role in (("99999", "viewer"), ("x", "viewer"), (shop.pk, "owner")):
        assert admin.post(f"/people/{ines.pk}/grant/", {"project": project, "role": role}).status_code == 422


def test_who_is_switched_off_is_out_at_once(admin):
    ines = person("viewer", "ines")
    browser = Client()
    browser.force_login(ines)
    assert browser.get("/tasks/").status_code == 200
    admin.post(f"/people/{ines.pk}/switch/", {"on": "0"})
    assert not Session.objects.filter(user=ines).exists()
    assert browser.get("/tasks/").status_code == 302
    admin.post(f"/people/{ines.pk}/switch/", {"on": "1"})
    assert User.objects.get(pk=ines.pk).is_active


def test_an_admin_signs_somebody_out_everywhere(admin):
    ines = person("viewer", "ines")
    browser = Client()
    browser.force_login(ines)
    admin.post(f"/people/{ines.pk}/sessions/end/")
    assert browser.get("/tasks/").status_code == 302
    assert facts("sessions-ended") == [{"user": "ines", "sessions": 1}]


def test_nobody_changes_themselves_or_a_superuser(admin):
    root, me = person("admin", "root", is_superuser=True), User.objects.get(username="mara")
    for user, posts in ((root, POSTS), (me, ("role", "switch"))):
        for post in posts:
            data = {"role": "viewer", "on": "0", "project": "1", "password": "1"}
            assert admin.post(f"/people/{user.pk}/{post}/", data).status_code in (403, 422), post
    root.refresh_from_db()
    assert root.is_active and role_of(root) == Role.ADMIN and role_of(User.objects.get(pk=me.pk)) == Role.ADMIN
    assert root.has_usable_password()


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_keep_people_and_keys(role):
    client, other = signed_in(role), person("viewer", "ines")
    for page in ("/people/", f"/people/{other.pk}/", "/keys/"):
        assert client.get(page).status_code == 403
    for post in (*(f"/people/{other.pk}/{post}/" for post in POSTS), "/people/invite/", "/keys/create/",
                 "/keys/0/rotate/", "/keys/0/revoke/"):
        assert client.post(post, {"role": "admin"}).status_code == 403, post


def test_more_than_the_form_has_changes_nothing_more(admin):
    """Mass assignment: fields that nobody asked for."""
    ines = person("viewer", "ines")
    more = {"is_superuser": "on", "is_staff": "on", "user_permissions": "1", "password": "x", "username": "eve"}
    admin.post(f"/people/{ines.pk}/access/", {"payloads": "on", **more})
    admin.post(f"/people/{ines.pk}/role/", {"role": "operator", **more})
    admin.post("/people/invite/", {"name": "otto", "role": "viewer", **more})
    for user in User.objects.filter(username__in=("ines", "otto")):
        assert not user.is_superuser and not user.is_staff and not user.user_permissions.exists()
    assert User.objects.filter(username="ines").exists()
