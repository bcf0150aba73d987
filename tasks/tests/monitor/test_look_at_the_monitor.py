"""The monitor's page: what it shows of real workers, and what it lets people do."""

from __future__ import annotations

import html
import os
import re
import signal
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role
from accounts.tests.people import person
from tasks import actions, lane_actions, workers
from tasks.models import Task
from tasks.monitor import ended, recent, shared, standing
from tasks.monitor.ended import RANGES, Ended
from tasks.monitor.recent import quantile
from tasks.rescue import Rescuer
from tasks.tests import jobs

pytestmark = pytest.mark.django_db(transaction=True)
PAGE, LIVE = "/tasks/monitor/", "/tasks/monitor/live/"


@pytest.fixture(autouse=True)
def fresh(redis_server) -> None:
    cache.clear()
    shared.forget()


@pytest.fixture(params=[Role.OPERATOR])
def looker(request) -> Client:
    client = Client()
    client.force_login(person(request.param, "olga"))
    return client


def text_of(client: Client, address: str = PAGE) -> str:
    shared.forget()
    answer = client.get(address)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def past(seconds: float, state: str = "succeeded", **fields) -> Task:
    ended = timezone.now() - timedelta(seconds=seconds)
    return Task.objects.create(**{
        "job": "trial", "title": "Trial", "actor": "olga", "state": state, "created_at": ended - timedelta(seconds=5),
        "started_at": ended - timedelta(seconds=3), "finished_at": ended, **fields})


def test_it_shows_who_works_on_what_and_what_waits(trial_workers, said, eventually, looker):
    (worker,) = trial_workers(1)
    task = actions.enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    actions.enqueue(jobs.Say, {"file": str(said)}, priority=9)
    shown = eventually(lambda: (page := text_of(looker)) and "1 busy" in page and page)
    assert worker.name in shown and f"/tasks/{task.pk}/" in shown and "1 high" in shown
    snapshot = shared.latest()
    (lane,) = [lane for lane in snapshot["lanes"] if lane["name"] == "default"]
    assert (lane["running"], lane["queued"], lane["high"]) == (1, 1, 1) and lane["oldest"] and not lane["late"]
    assert snapshot["running"][0]["id"] == str(task.pk) == snapshot["workers"]["items"][0]["task"]


def test_a_worker_that_was_killed_is_shown_with_what_it_was_on(trial_workers, said, eventually, looker):
    (worker,) = trial_workers(1)
    task = actions.enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    os.kill(worker.pid, signal.SIGKILL)
    rescuer = Rescuer()

    def page() -> str:
        rescuer.rescue()
        shown = text_of(looker)
        return shown if "1 died" in shown else ""

    shown = eventually(page, 20)
    assert worker.name in shown and f"/tasks/{task.pk}/" in shown


def test_a_lane_is_paused_and_resumed_where_it_is_seen(looker):
    assert "Paused by olga." not in text_of(looker)
    answer = looker.post("/tasks/lanes/reports/", {"pause": "1", "monitor": "1"}, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    # At once, though others may share a snapshot of just before.
    assert "Paused by olga." in answer.content.decode() and lane_actions.lane("reports").paused
    answer = looker.post("/tasks/lanes/reports/", {"resume": "1"}, headers={"HX-Request": "true"})
    assert answer.status_code == 204 and "starts tasks again" in answer.headers["HX-Trigger"]
    assert "Paused by" not in text_of(looker)


def test_a_worker_is_drained_where_it_is_seen(trial_workers, looker, eventually):
    (worker,) = trial_workers(1)
    assert looker.post(f"/tasks/workers/{worker.name}/drain/", {"monitor": "1"}).url == PAGE
    eventually(lambda: workers.worker(worker.name).state == "draining")
    assert "draining" in text_of(looker) and f"drain-{worker.name}" not in text_of(looker)


@pytest.mark.parametrize("looker", [Role.VIEWER], indirect=True)
def test_a_viewer_looks_and_has_no_button(looker, trial_workers):
    trial_workers(1)
    shown = text_of(looker)
    assert "1 alive" in shown and "Pause" not in shown and "Drain" not in shown


def test_failures_that_differ_only_in_numbers_are_one(looker):
    for port in (8000, 8001, 8002):
        past(60, "failed", error=f"web did not answer on port {port}.\nMore lines.")
    past(60, "failed", error="<script>alert(1)</script>" + "x" * 1_000_000)
    past(2 * 86400, "failed", error="Long ago.")
    shared.forget()
    first, second = shared.latest()["failures"]
    assert first["count"] == 3 and first["error"].startswith("web did not") and second["count"] == 1
    page = looker.get(PAGE).content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page and len(page) < 200_000


def test_the_charts_count_every_end_once():
    ended, now = Ended(), timezone.now()
    for seconds in (1, 1, 7, 30, 45, 130, 1700, 1900, 3500, 3700, 80_000):
        past(seconds)
    past(2, "failed")
    past(3000, "cancelled")
    past(200_000)
    for _ in range(2):  # the second time most of it is remembered
        columns = ended.columns(timezone.now().timestamp())
        assert {name: len(found) for name, found in columns.items()} == {name: one[0] for name, one in RANGES.items()}
        for name, (number, width) in RANGES.items():
            begin = datetime.fromtimestamp((int(now.timestamp()) // width - number + 2) * width, UTC)
            for state in ("succeeded", "failed", "cancelled"):
                counted = sum(getattr(one, state) for one in columns[name] if one.start >= begin)
                assert counted == Task.objects.filter(state=state, finished_at__gte=begin).count(), (name, state)
    past(0.5)
    assert sum(one.succeeded for one in ended.columns(timezone.now().timestamp() + 1)["day"]) == 12


def test_what_lies_behind_is_counted_once():
    ended, now = Ended(), timezone.now().timestamp()
    past(600)
    ended.columns(now)
    with CaptureQueriesContext(connection) as queries:
        ended.columns(now + 1)
    (query,) = queries
    assert query["sql"].count("SELECT") <= 13


def test_waits_and_runs_are_told_by_their_nearest_rank():
    assert quantile([], 0.5) is None and quantile([3], 0.95) == 3
    values = [float(value) for value in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.95)) == (50, 95)
    for _ in range(4):
        past(10)
    shared.forget()
    window = shared.latest()["window"]
    assert window["sample"] == window["succeeded"] == 4
    assert window["wait"] == {"p50": 2.0, "p95": 2.0} and window["run"] == {"p50": 3.0, "p95": 3.0}


def test_a_poll_is_answered_only_when_something_has_changed(looker):
    past(2000)
    version = looker.get(LIVE).content.decode().split('data-version="', 1)[1].split('"')[0]
    shared.forget()
    tries = [looker.get(f"{LIVE}?v={version}").status_code for _ in range(2)]
    assert 204 in tries
    lane_actions.pause("stacks")
    shared.forget()
    assert looker.get(f"{LIVE}?v={version}").status_code == 200


@pytest.mark.parametrize("chosen", [*RANGES, "year", "<b>"])
def test_every_range_can_be_looked_at(looker, chosen):
    past(20)
    assert text_of(looker, f"{PAGE}?range={chosen}").count('<figure class="chart">') == 1


def test_it_says_so_when_redis_is_away(looker, redis_server):
    redis_server.kill()
    try:
        assert "Redis does not answer" in text_of(looker)
    finally:
        redis_server.start()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads a table whole while it is small.")
@pytest.mark.parametrize(("query", "values", "index"), [
    (standing.ACTIVE, [], "task_active"),
    (standing.DUE, [6], "task_due"),
    (recent.DIED, [10], "attempt_died"),
    (ended.COUNT, [0, "2026-11-21", "2026-11-22"], "task_ended"),
    ("SELECT lane FROM {table} WHERE finished_at >= %s ORDER BY finished_at DESC", ["2026-11-21"], "task_ended"),
], ids=["active", "due", "died", "counted", "timed"])
def test_its_queries_read_their_indexes(query, values, index):
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + query.format(table="tasks_task"), values)
        plan = str(cursor.fetchall())
    assert re.search(rf"INDEX {index}\b", plan), plan
