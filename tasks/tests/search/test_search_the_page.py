"""Somebody searches on the page of tasks, by links, and by command."""

from __future__ import annotations

import html
import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.tests.people import signed_in
from tasks.tests.search import cases

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    return signed_in("viewer")


@pytest.fixture
def made():
    return cases.make()


def found(response, made) -> str:
    names = {str(task.pk): name for name, task in made.items()}
    return " ".join(names[key] for key in re.findall(r'<tr id="task-([0-9a-f-]{36})"', response.text))


@pytest.mark.parametrize("query", ["project", "module named", "state:failed OR sleep", "run:>5m", "-project"])
def test_the_page_finds_what_the_api_finds(reader, made, query):
    page = reader.get("/tasks/", {"q": query})
    assert page.status_code == 200 and found(page, made) == cases.FINDS[query]
    assert reader.get("/tasks/rows/", {"q": query}).status_code == 200


def test_the_fields_beside_the_box_narrow_it_and_are_part_of_the_address(reader, made):
    for more, expected in (("state=failed", "psycopg"), ("lane=stacks", "psycopg"), ("priority=4..7", "copy"),
                           ("job=projects.copy", "copy"), ("created=2026-11-07", "copy"), ("project=7", "psycopg"),
                           ("worker=studio*", "")):
        page = reader.get(f"/tasks/?q=project&{more}")
        assert found(page, made) == expected, more
        name, _, value = more.partition("=")
        kept = re.search(rf'name="{name}" value="{re.escape(value)}"|<option[^>]*selected[^>]*>', page.text)
        assert kept, more


def test_every_part_of_a_search_is_one_link_away(reader, made):
    seen, url = [], "/tasks/?q=-nothing&limit=2"
    while url:
        page = reader.get(url)
        seen += found(page, made).split()
        older = re.search(r'href="([^"]*)" rel="next"', page.text)
        url = older and html.unescape(older[1])
    assert seen == [*made][::-1]


def test_a_query_that_is_not_understood_is_said_with_its_place(reader, made):
    page = reader.get("/tasks/", {"q": 'a state:<img src="x">'})
    assert page.status_code == 400 and "<img src" not in page.text
    assert "At character 9 of the query: expected one of scheduled" in page.text
    assert 'aria-invalid="true"' in page.text


def test_what_was_typed_stands_in_the_box_as_text(reader, made):
    page = reader.get("/tasks/", {"q": "\"><script>alert(1)</script>"})
    assert "<script>alert" not in page.text


def test_how_many_there_are_is_asked_for_by_the_page(reader, made):
    page = reader.get("/tasks/", {"q": "project"})
    url = re.search(r'id="task-count" hx-get="([^"]*)"', page.text)[1]
    assert reader.get(html.unescape(url)).text.strip() == "2 tasks"


@pytest.mark.parametrize(("typed", "offered"), [
    ("sta", ["state:failed"]),
    ("a -state:f", ["a -state:failed"]),
    ("state:failed,c", ["state:failed,cancelled"]),
    ("project lane:r", ["project lane:reports"]),
    ("nothing", []), ("", []), ("state:x", []), ("what:", []),
])
def test_the_box_is_completed(reader, typed, offered):
    page = reader.get("/tasks/suggestions/", {"q": typed})
    assert [html.unescape(each) for each in re.findall(r'<option value="([^"]*)"', page.text)] == offered


def test_help_stands_below_without_any_script(reader):
    page = reader.get("/tasks/")
    assert "How to search" in page.text
    for link in re.findall(r'<dt class="mono"><a href="\?q=([^"]*)"', page.text):
        assert reader.get(f"/tasks/?q={link}").status_code == 200, link


def test_by_command(made):
    out = StringIO()
    call_command("task", "list", "--search", "project -copy", "--json", stdout=out)
    assert [task["id"] for task in json.loads(out.getvalue())] == [str(made["psycopg"].pk)]
    with pytest.raises(CommandError, match="character 7") as caught:
        call_command("task", "list", "--search", "state:done")
    assert caught.value.returncode == 2
