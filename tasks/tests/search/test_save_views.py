"""Somebody keeps a list under a name, renames it, gives its link to others, and deletes it."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.tests.people import person
from tasks.saved.actions import MOST
from tasks.saved.models import SavedView
from tasks.tests.search import cases

pytestmark = pytest.mark.django_db

QUERY = "q=project+-copy&state=failed&lane=stacks"


def signed_in(role: str, name: str) -> Client:
    client = Client()
    client.force_login(User.objects.filter(username=name).first() or person(role, name))
    return client


@pytest.fixture
def mine() -> SavedView:
    owner = signed_in("viewer", "ida")
    answer = owner.post("/tasks/saved/save/", {"name": "  Broken   stacks ", "query": QUERY + "&cursor=x&v=1&else=2"})
    assert answer.status_code == 302 and answer["Location"] == f"/tasks/?{QUERY}"
    return SavedView.objects.get()


def test_a_list_is_saved_from_its_own_page(mine):
    made, ida = cases.make(), signed_in("viewer", "ida")
    page = ida.get(f"/tasks/?{QUERY}")
    add = html.unescape(re.search(r'href="(/tasks/saved/\?add=[^"]*)"', page.text)[1])
    asked = ida.get(add)
    assert html.unescape(re.search(r'name="query" value="([^"]*)"', asked.text)[1]) == QUERY
    kept = html.unescape(re.search(r'class="name" href="([^"]*)"', ida.get("/tasks/saved/").text)[1])
    page = ida.get(kept)
    assert f'id="task-{made["psycopg"].pk}"' in page.text and page.text.count('<tr id="task-') == 1


def test_its_link_shows_the_same_to_others_and_nothing_of_its_name(mine):
    page = signed_in("viewer", "ida").get("/tasks/saved/")
    link = html.unescape(re.search(r'id="link-\d+">([^<]*)<', page.text)[1])
    assert link == f"http://testserver/tasks/?{QUERY}"
    other = signed_in("viewer", "olaf")
    page = other.get(link)
    assert page.status_code == 200 and "Broken stacks" not in page.text
    assert "Broken stacks" not in other.get("/tasks/saved/").text


def test_it_is_renamed_and_deleted_by_its_owner(mine):
    ida = signed_in("viewer", "ida")
    assert ida.post(f"/tasks/saved/{mine.pk}/rename/", {"name": "Sick stacks"}).status_code == 302
    assert "Sick stacks" in ida.get("/tasks/saved/").text
    assert ida.post(f"/tasks/saved/{mine.pk}/delete/").status_code == 302
    assert not SavedView.objects.exists() and "Sick stacks" not in ida.get("/tasks/saved/").text


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
@pytest.mark.parametrize("what", ["rename", "delete"])
def test_nobody_else_can_touch_it_whatever_their_role(mine, role, what):
    assert signed_in(role, "olaf").post(f"/tasks/saved/{mine.pk}/{what}/", {"name": "Mine now"}).status_code == 404
    assert SavedView.objects.get().name == "Broken stacks"


def test_nobody_without_a_role_and_nobody_unknown_saves_one():
    assert signed_in("", "nobody").post("/tasks/saved/save/", {"name": "x", "query": QUERY}).status_code == 403
    assert Client().post("/tasks/saved/save/", {"name": "x", "query": QUERY}).status_code == 302  # to sign in
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(("name", "query", "said"), [
    ("", QUERY, "1 to 60 characters"), ("x" * 61, QUERY, "1 to 60 characters"), ("x\0", QUERY, "1 to 60 characters"),
    ("Broken stacks", QUERY, "already"), ("New", "", "Search or filter first"), ("New", "cursor=x", "first"),
    ("New", "q=state:done", "expected one of scheduled"), ("New", "state=done", "There is no state"),
    ("New", "&".join(["q=x"] * 3000), "not understood"),
])  # fmt: skip
def test_what_cannot_be_saved_is_said(mine, name, query, said):
    page = signed_in("viewer", "ida").post("/tasks/saved/save/", {"name": name, "query": query})
    assert page.status_code == 400 and said in html.unescape(page.text)
    assert SavedView.objects.count() == 1


def test_a_name_is_shown_as_text_and_there_are_not_too_many(mine):
    ida = signed_in("viewer", "ida")
    ida.post(f"/tasks/saved/{mine.pk}/rename/", {"name": "<script>alert(1)</script>"})
    assert "<script>alert" not in ida.get("/tasks/saved/").text
    SavedView.objects.bulk_create(SavedView(owner=mine.owner, name=str(each), query="q=a") for each in range(1, MOST))
    page = ida.post("/tasks/saved/save/", {"name": "One more", "query": QUERY})
    assert page.status_code == 400 and "delete one first" in page.text
