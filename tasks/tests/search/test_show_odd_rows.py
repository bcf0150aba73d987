"""A row that no job of Hub's would write is shown as text wherever tasks are shown, and never breaks a page."""

from __future__ import annotations

import html
import json
import re
import uuid
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.tests.people import signed_in
from tasks.models import Attempt, Dependency, LogLine, Task
from tasks.runner import run_task
from tasks.search.finding import take
from tasks.search.models import Unwritten
from tasks.search.query import read

pytestmark = pytest.mark.django_db

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"&amp;{{ 7 }}{% now %}"
LONG = "Kaputt. " + "äöü<b>\n" * 150_000
ODD = {
    "job gone": {"job": "gone.Job"},
    "params list": {"params": [1, {"a": "b"}]},
    "params text": {"params": MARKUP},
    "params deep": {"params": json.loads('{"a":' * 90 + "1" + "}" * 90)},
    "result text": {"result": MARKUP, "state": "succeeded"},
    "result false": {"result": False, "state": "succeeded"},
    "steps text": {"steps": "no steps"},
    "steps number": {"steps": 5, "state": "running", "attempt": 1},
    "steps mixed": {"steps": [1, None, "x", {}, {"label": None, "done": "x", "total": 0}], "state": "running"},
    "steps times": {"steps": [{"label": "a", "started": "yesterday", "ended": 5, "detail": 7, "usual": "long"}],
                    "state": "failed", "attempt": 1},
    "steps naive": {"steps": [{"label": "a", "started": "2026-11-05T12:00:00", "ended": "2026-11-05T12:00:01+00:00"}],
                    "state": "failed", "attempt": 1},
    "a megabyte": {"error": LONG, "detail": LONG, "state": "failed", "attempt": 1},
    "markup": {"title": MARKUP, "job": MARKUP[:100], "subject": MARKUP[:90], "lane": "<b>lane</b>", "node": "<i>n</i>",
               "actor": MARKUP, "reason": MARKUP, "error": MARKUP, "detail": MARKUP, "step": MARKUP, "state": "failed",
               "params": {MARKUP: MARKUP}, "result": {MARKUP: MARKUP}, "steps": [{"key": MARKUP, "label": MARKUP}]},
    "nothing": {"title": "", "job": "", "actor": "", "lane": "", "params": {}},
    "times turned": {"state": "succeeded", "created_at": "2026-11-05T12:00Z", "started_at": "2020-01-01T00:00Z",
                     "finished_at": "2019-01-01T00:00Z", "attempt": 1},
    "state unknown": {"state": "vanished", "attempt": 1, "subject": "projects.project:1",
                      "started_at": "2026-11-05T12:00Z"},
    "lane and priority unknown": {"lane": "gone", "priority": 10, "node": "gone", "state": "queued"},
    "project gone": {"subject": "projects.project:99999999999999999999"},
    "unreadable": {},
}  # fmt: skip


# PostgreSQL keeps no JSON that cannot be read.
@pytest.fixture(params=[name for name in ODD if name != "unreadable" or connection.vendor == "sqlite"])
def odd(request) -> Task:
    fields = {"title": "An odd row", "job": "demo.sleep", "actor": "x", "state": "queued", **ODD[request.param]}
    task = Task.objects.create(**fields)
    Unwritten.objects.create(task=task.pk)
    LogLine.objects.create(task=task, text=MARKUP, level="info", source=MARKUP[:100], attempt=1)
    if task.attempt:
        Attempt.objects.create(task=task, number=1, worker=MARKUP, host=MARKUP, pid=1, pid_started=1, outcome="odd",
                               correlation_id=uuid.uuid4(), error=MARKUP, signal="SIG<b>")
    other = Task.objects.create(title="Another", job="demo.sleep", actor="x", state="blocked",
                                correlation_id=task.correlation_id, parent=task)
    Dependency.objects.create(task=other, needs=task)
    if request.param == "unreadable":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            cursor.execute("UPDATE tasks_task SET params = '{\"a\": ', result = 'x{', steps = '[1' WHERE id = %s",
                           [task.pk.hex])
            cursor.execute("PRAGMA ignore_check_constraints = OFF")
    return task


def test_on_every_page(odd):
    reader = signed_in("operator")
    for path in ("", "?q=odd", "?q=-odd", "rows/", "count/?q=odd", f"{odd.pk}/", f"{odd.pk}/live/", f"{odd.pk}/graph/",
                 f"{odd.pk}/log.txt", "monitor/", "workers/"):
        page = reader.get(f"/tasks/{path}")
        assert page.status_code == 200, path
        if page["Content-Type"].startswith("text/html"):
            assert "<script>alert" not in page.text and "<img src=x" not in page.text, path
            assert len(page.content) < 4_000_000, path


def test_by_the_api(odd, api):
    client = api("operator")
    for path in ("", "/search?q=-nothing", f"/{odd.pk}", f"/{odd.pk}/status"):
        answer = client.get(f"/api/tasks{path}")
        assert answer.status_code == 200, (path, answer.content[:300])
        assert str(odd.pk) in answer.content.decode()


def test_in_the_admin_site(odd):
    person = signed_in("admin")
    for path in ("", f"{odd.pk}/change/", "?q=odd"):
        page = person.get(f"/admin/tasks/task/{path}")
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text


def test_by_command(odd):
    for arguments in (["list"], ["list", "--json"], ["list", "--search=-nothing"], ["show", str(odd.pk)],
                      ["show", str(odd.pk), "--json"], ["index"]):
        out = StringIO()
        call_command("task", *arguments, stdout=out)
        assert out.getvalue(), arguments
    try:
        call_command("task", "retry", str(odd.pk), stdout=StringIO())
    except CommandError as error:
        assert str(error)


def test_search_takes_it_in_with_all_others(odd):
    assert len(take(Task.objects.all(), read("-nothing")).items) == 2
    assert Unwritten.objects.count() == 0


@pytest.mark.parametrize("do", ["cancel", "retry", "priority", "delete"])
def test_a_change_of_many_goes_past_it(odd, api, do):
    Task.objects.filter(parent=odd).delete()
    body = {"do": do, "ids": [str(odd.pk)], **({"priority": 3} if do == "priority" else {})}
    assert api("operator").post("/api/tasks/bulk/preview", body).status_code == 200
    answer = api("operator").post("/api/tasks/bulk", body)
    assert answer.status_code == 202 and run_task(answer.json()["id"]) == "succeeded"
    seen = api("viewer").get(f"/api/tasks/bulk/{answer.json()['id']}").json()
    assert seen["total"] == 1 and (seen["done"] == 1 or seen["items"][0]["message"])
    page = signed_in("viewer").get(f"/tasks/{answer.json()['id']}/")
    assert page.status_code == 200 and re.search(r"\d done, \d left", html.unescape(page.text))
