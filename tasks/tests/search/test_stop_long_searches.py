"""A search that would take too long is stopped by the database, and says how to narrow it: on page, API and command."""

from __future__ import annotations

import time
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from accounts.tests.api_client import error_of
from accounts.tests.people import signed_in
from tasks.models import Task
from tasks.search import finding
from tasks.search.conditions import Condition
from tasks.search.errors import TooBroad
from tasks.search.limits import limited
from tasks.search.qualifiers import KINDS
from tasks.tests.search import cases

pytestmark = pytest.mark.django_db

ENDLESS = ("(WITH RECURSIVE counted(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM counted WHERE x < 2000000000)"
           " SELECT count(*) FROM counted)")


@pytest.fixture
def endless(monkeypatch):
    """A hundred thousand million rows, as far as `job:` is concerned."""
    kind = replace(KINDS["job"], read=lambda value, position, now: Condition(Q(attempt__lt=RawSQL(ENDLESS, []))))
    monkeypatch.setitem(KINDS, "job", kind)
    monkeypatch.setattr(finding, "LIST", 0.2)
    monkeypatch.setattr(finding, "EXACT", 0.2)
    monkeypatch.setattr("tasks.bulk.selection.EXACT", 0.2)
    monkeypatch.setattr("tasks.management.commands.task.EXACT", 0.2)
    return cases.make()


def test_the_database_stops_and_is_there_for_the_next():
    with connection.cursor() as cursor:
        began = time.monotonic()
        with pytest.raises(TooBroad, match=r"stopped after 0\.2 s"), limited(0.2):
            cursor.execute(f"SELECT {ENDLESS}")
        assert time.monotonic() - began < 20  # on a very busy machine; without a limit it takes an hour
        with limited(20):
            cursor.execute("SELECT 1")
        cursor.execute("SELECT 2")
        assert cursor.fetchone() == (2,)
    Task.objects.create(job="after", title="After", actor="hub")


def test_a_limit_ends_with_what_it_is_for():
    with limited(0.001):
        Task.objects.count()
    time.sleep(0.01)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)
        else:
            cursor.execute("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000)"
                           " SELECT count(*) FROM c")
            assert cursor.fetchone() == (30000,)


@pytest.mark.parametrize("query", ["job:x", "job:x project", "-project job:x"])
def test_the_page_says_what_to_do(endless, query):
    reader = signed_in("viewer")
    page = reader.get("/tasks/", {"q": query})
    assert page.status_code == 422
    assert "was stopped after 0.2 s" in page.text and "Narrow it" in page.text and query in page.text
    assert reader.get("/tasks/rows/", {"q": query}).status_code == 200
    assert reader.get("/tasks/count/", {"q": query}).text.strip() == "more than can be counted quickly"


def test_the_api_says_it_in_its_shape(endless, api):
    for path in ("/api/tasks/search", "/api/tasks", "/api/tasks/search/count"):
        error = error_of(api("viewer").get(path, {"q": "job:x"}), 422)
        assert error["field"] == "q" and "Narrow it" in error["hint"], path
    assert "Narrow" in error_of(api("viewer").post("/api/tasks/bulk/preview", {"do": "cancel", "q": "job:x"}),
                                422)["hint"]


def test_a_change_of_many_is_not_begun_blindly(endless):
    page = signed_in("operator").post("/tasks/bulk/", {"do": "cancel", "which": "all", "q": "job:x"})
    assert page.status_code == 400 and "Narrow it" in page.text


def test_the_command_ends_with_an_exit_code(endless):
    with pytest.raises(CommandError, match="Narrow it") as caught:
        call_command("task", "list", "--search", "job:x", stdout=StringIO())
    assert caught.value.returncode == 1
