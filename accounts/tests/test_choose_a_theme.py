"""Somebody chooses light or dark."""

import pytest

from accounts.tests.people import signed_in

pytestmark = pytest.mark.django_db


def test_the_choice_is_kept_and_leads_back():
    client = signed_in("viewer")
    assert "data-theme" not in client.get("/tasks/").text.partition("<body")[0]
    response = client.post("/theme", {"theme": "dark", "next": "/tasks/?state=failed"})
    assert response["Location"] == "/tasks/?state=failed"
    assert '<html lang="en" data-theme="dark">' in client.get("/tasks/").text
    assert '<html lang="en" data-theme="dark">' in client.get("/nothing/").text
    client.post("/theme", {"theme": "system"})
    assert "data-theme" not in client.get("/tasks/").text.partition("<body")[0]


@pytest.mark.parametrize("theme", ["", "pink", '"><script>'])
def test_another_choice_changes_nothing(theme):
    client = signed_in("viewer")
    assert "hub_theme" not in client.post("/theme", {"theme": theme}).cookies
    client.cookies["hub_theme"] = theme
    assert "data-theme" not in client.get("/tasks/").text.partition("<body")[0]
    assert "data-theme" not in client.get("/nothing/").text.partition("<body")[0]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", ""])
def test_it_never_leads_away(target):
    assert signed_in("viewer").post("/theme", {"theme": "dark", "next": target})["Location"] == "/"
