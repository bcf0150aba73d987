"""What the monitor's page says of lanes, of what runs and of what comes, read as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.people import signed_in
from tasks import actions, lane_actions, workers
from tasks.jobs import Sleep
from tasks.lane_actions import LaneLimits
from tasks.models import Task
from tasks.monitor import presentation, shared
from tasks.schedules.actions import create
from tasks.tests.monitor.fleet import register

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/tasks/monitor/"


@pytest.fixture(autouse=True)
def fresh(redis_server) -> Iterator[None]:
    cache.clear()
    shared.forget()
    yield
    shared.forget()


@pytest.fixture
def viewer() -> Client:
    return signed_in("viewer")


def part(client: Client, opening: str) -> str:
    """The text of the element that begins with this, on a page read anew."""
    shared.forget()
    page = client.get(PAGE).content.decode()
    found = re.search(rf"{re.escape(opening)}.*?</{opening[1:].split()[0]}>", page, re.DOTALL)
    assert found, page
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[0])).split())


def row(state: str, **fields) -> Task:
    return Task.objects.create(**{"job": "demo.sleep", "title": "Sleep", "actor": "olga", "state": state, **fields})


def test_a_lane_tells_its_depth_by_priority_its_limits_and_who_waits_too_long(viewer):
    lane_actions.limit("reports", LaneLimits(cap=3, rate=10, period=60))
    now = timezone.now()
    for priority, ago in ((9, 200), (9, 10), (5, 10), (1, 10)):
        row("queued", lane="reports", priority=priority, queued_at=now - timedelta(seconds=ago))
    row("queued", lane="metrics", queued_at=now - timedelta(seconds=10))
    said = part(viewer, '<tr id="lane-reports"')
    assert "reports 4 2 high, 1 medium, 1 low 3 min 2" in said and "0 of 3" in said
    assert "3 at a time, 10 in 60 s" in said
    lanes = {lane["name"]: lane for lane in shared.latest()["lanes"]}
    assert lanes["reports"]["late"] and not lanes["metrics"]["late"] and lanes["stacks"]["oldest"] is None


def test_what_runs_tells_its_step_and_its_progress_and_none_that_it_does_not_know(viewer):
    now = timezone.now()
    known = row("running", title="Known", started_at=now, progress=41.7, step="Build web", steps_done=2, steps_total=5)
    unknown = row("running", title="Unknown", started_at=now, step="Wait", cancel_requested=True)
    assert "41 % · 2 of 5 done · Build web" in part(viewer, f'<li id="running-{known.pk}"')
    said = part(viewer, f'<li id="running-{unknown.pk}"')
    assert "%" not in said and "is being cancelled" in said


def test_what_comes_next_is_in_the_order_of_its_times(viewer):
    begin = timezone.now() + timedelta(days=1)
    for place in (3, 1):
        actions.enqueue(Sleep, {"seconds": place}, run_at=begin + timedelta(minutes=place))
    every = create(name="Nightly", job="demo.sleep", params={"seconds": 1}, interval="10h")
    type(every).objects.update(next_run_at=begin + timedelta(minutes=2))
    said = part(viewer, '<section class="panel" aria-labelledby="coming-title"')
    day = f"{begin.day} {begin:%b}" if begin.hour < 23 else r"\d+ \w+"
    assert re.search(rf"Sleep for 1 s {day} \d\d:.* Nightly {day} \d\d:.* Sleep for 3 s {day} \d\d:", said), said
    assert [bool(one.get("task")) for one in shared.latest()["coming"]] == [True, False, True]


@pytest.mark.parametrize(("worked", "used"), [(0, 0), (50, 50), (90, 90), (500, 100)])
def test_how_much_of_its_life_a_worker_was_at_work(worked, used):
    worker = {"name": "w.1", "host": "h", "node": "", "pid": 7, "lanes": ["default"], "state": "idle", "task": "",
              "memory": 0, "silent": 0, "worked": worked, "started_at": "2026-11-22T10:00:00.000000Z"}
    assert presentation._worker(worker, None, "2026-11-22T10:01:40.000000Z").used == used
    # The task at hand counts as well.
    task = {"title": "t", "cancel_requested": False, "steps_total": 0, "step": "", "id": "1",
            "started_at": "2026-11-22T10:01:30.000000Z"}
    assert presentation._worker(worker | {"task": "1"}, task, "2026-11-22T10:01:40.000000Z").used == min(used + 10, 100)


def test_of_many_workers_the_idle_ones_are_counted_and_those_to_look_at_shown(redis_server, viewer):
    register(60)
    redis = redis_server.client()
    redis.hset("rq:worker:studio-1.3", mapping={"state": "busy"})
    redis.sadd("rq:worker:studio-1.3:executions", "01a2b3c4-0000-7000-8000-000000000000:1")
    redis.hset("rq:worker:studio-2.19", "order", "draining")
    try:
        said = part(viewer, '<section class="panel" aria-labelledby="workers-title"')
        assert "60 alive: 1 busy, 1 draining, 58 idle" in said and "and 48 more" in said
        names = re.findall(r"studio-\d+\.\d+ studio", said)
        assert len(names) == 12 and names[:2] == ["studio-1.3 studio", "studio-2.19 studio"]
    finally:
        redis.flushall()


def test_the_page_of_workers_comes_in_parts_and_finds_some_by_name(redis_server):
    register(120)
    names, operator = set(), signed_in("operator")
    try:
        for page in (1, 2, 3):
            html = operator.get("/tasks/workers/", {"page": page}).text
            found = set(re.findall(r'<tr id="worker-([^"]+)"', html))
            assert len(found) == (20 if page == 3 else 50) and not found & names and len(html) < 200_000
            assert f"page={page + 1}" in html or page == 3
            names |= found
        live = operator.get("/tasks/workers/live/", {"page": 2}).text
        assert "page=2&amp;v=" in live and live.count('<tr id="worker-') == 50
        found = operator.get("/tasks/workers/", {"worker": "STUDIO-3"}).text
        assert found.count('<tr id="worker-studio-3.') == 20 == found.count('<tr id="worker-')
        assert "None of 120 has that in its name" in operator.get("/tasks/workers/", {"worker": "nobody"}).text
        answer = operator.post("/tasks/workers/studio-5.1/drain/", headers={
            "HX-Request": "true", "HX-Current-URL": "http://testserver/tasks/workers/?page=2"})
        assert answer.text.count('<tr id="worker-') == 50 and "page=2&amp;v=" in answer.text
    finally:
        redis_server.client().flushall()


def test_a_worker_is_stopped_where_it_is_seen_also_by_a_plain_form(trial_workers, eventually):
    (worker,) = trial_workers(1)
    client = signed_in("operator")
    page = client.get(PAGE).content.decode()
    action = f"/tasks/workers/{worker.name}/stop/"
    form = re.search(r'<form method="post" id="([^"]+)">.*?name="monitor" value="1"', page, re.DOTALL)
    assert re.search(rf'<button [^>]*form="{form[1]}" formaction="{re.escape(action)}"', page)
    assert client.post(action, {"monitor": "1"}).url == PAGE
    eventually(lambda: worker.process.poll() is not None, 20, "The worker goes on.")
    eventually(lambda: not workers.workers())


def test_what_changes_most_is_amended_in_the_middle_of_a_snapshots_life(monkeypatch):
    def paused() -> list[str]:
        return [lane["name"] for lane in shared.latest()["lanes"] if lane["paused"]]

    # So long that no test machine is slow enough to end it.
    monkeypatch.setattr(shared, "LIFE", 600.0)
    monkeypatch.setattr(shared, "HALF", 600.0)
    taken = shared.latest()
    lane_actions.pause("reports")
    shared.renew()
    assert paused() == [] and shared.fresh_for() > 300
    monkeypatch.setattr(shared, "HALF", 0.0)
    with CaptureQueriesContext(connection) as asked:
        shared.renew()
    assert paused() == ["reports"] and len(asked) == 3
    assert shared.latest()["version"] != taken["version"] and shared.latest()["ended"] == taken["ended"]
    assert cache.get(shared.KEY)["data"] == shared.latest()  # for all other processes


def test_the_next_whole_look_is_not_right_behind_what_was_amended(monkeypatch):
    monkeypatch.setattr(shared, "LIFE", 600.0)
    monkeypatch.setattr(shared, "HALF", 5000.0)
    monkeypatch.setattr(shared, "_amended_from", lambda: 0.0)
    shared.latest()
    assert cache.get(shared.KEY)["life"] == 600
    shared.renew()
    assert cache.get(shared.KEY)["life"] >= 5000


def test_what_another_process_has_amended_is_not_amended_again(monkeypatch):
    monkeypatch.setattr(shared, "LIFE", 600.0)
    monkeypatch.setattr(shared, "HALF", 0.0)
    shared.latest()
    found = cache.get(shared.KEY)
    other = found["data"] | {"version": "theirs"}
    cache.set(shared.KEY, found | {"data": other, "seen": found["seen"] + 1}, 60)
    with CaptureQueriesContext(connection) as asked:
        shared.renew()
    assert shared.latest()["version"] == "theirs" and len(asked) == 0
