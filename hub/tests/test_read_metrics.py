"""`/metrics`, read by Prometheus' own parser."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import Role
from accounts.tests.people import person
from hub.env import EnvError, read_env
from hub.metrics import views
from hub.metrics.tasks import EndedTasks
from projects.models import Project
from tasks.models import Task
from tasks.monitor import shared

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh(redis_server, monkeypatch) -> None:
    cache.clear()
    shared.forget()
    monkeypatch.setattr(views, "_ended", EndedTasks())


def read(client: Client, **headers: str) -> dict[tuple[str, tuple], float]:
    """By name and labels of a sample its value; the parser refuses what is no such text."""
    shared.forget()
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.content.decode()))
    samples = [sample for family in families for sample in family.samples]
    assert all(family.documentation and family.type in ("counter", "gauge", "histogram") for family in families)
    found = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def value(found: dict, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


@pytest.fixture
def viewer(db) -> Client:
    client = Client()
    client.force_login(person(Role.VIEWER, "vera"))
    return client


def ended(job: str = "demo.sleep", state: str = "succeeded", wait: float = 2, run: float = 3) -> Task:
    now = timezone.now()
    return Task.objects.create(job=job, title="t", actor="vera", state=state, started_at=now - timedelta(seconds=run),
                               created_at=now - timedelta(seconds=run + wait), finished_at=now)


def test_every_ended_task_is_counted_once(viewer):
    ended()
    ended(state="failed", wait=0.05, run=100)
    for _ in range(2):
        found = read(viewer)
        about = {"job": "demo.sleep", "lane": "default"}
        assert value(found, "hub_tasks_ended_total", **about, state="succeeded") == 1
        assert value(found, "hub_tasks_ended_total", **about, state="failed") == 1
        waits = [value(found, "hub_task_wait_seconds_bucket", job="demo.sleep", le=le) for le in ("0.1", "1.0", "2.5")]
        assert waits == [1, 1, 2] and value(found, "hub_task_wait_seconds_count", job="demo.sleep") == 2
        assert value(found, "hub_task_run_seconds_sum", job="demo.sleep") == pytest.approx(103)
        assert value(found, "hub_task_run_seconds_bucket", job="demo.sleep", le="+Inf") == 2
    ended()
    assert value(read(viewer), "hub_tasks_ended_total", **about, state="succeeded") == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads a table whole while it is small.")
def test_history_is_not_walked(viewer):
    read(viewer)
    with CaptureQueriesContext(connection) as queries:
        read(viewer)
    (asked,) = [query["sql"] for query in queries if '"tasks_task"."finished_at" >=' in query["sql"]
                and '"tasks_task"."job"' in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked}")
        plan = str(cursor.fetchall())
    assert "INDEX task_ended" in plan and "TEMP B-TREE" not in plan, plan


def test_every_histogram_adds_up(viewer):
    for wait, run in ((0, 0), (0.1, 0.1), (7, 700), (4000, 90_000)):
        ended(wait=wait, run=run)
    found = read(viewer)
    whole: dict[tuple, list[tuple[float, float]]] = {}
    for (name, labels), number in found.items():
        if name.endswith("_bucket"):
            others = tuple(one for one in labels if one[0] != "le")
            whole.setdefault((name.removesuffix("_bucket"), others), []).append((float(dict(labels)["le"]), number))
    assert {name for name, _ in whole} == {"hub_task_wait_seconds", "hub_task_run_seconds", "hub_http_request_seconds"}
    for (name, labels), buckets in whole.items():
        numbers = [number for _, number in sorted(buckets)]
        assert numbers == sorted(numbers) and max(buckets)[0] == float("inf")
        assert numbers[-1] == found[f"{name}_count", labels] and found[f"{name}_sum", labels] >= 0


def test_what_a_visitor_sends_makes_no_label(viewer):
    def series() -> set:
        return {(name, labels) for name, labels in read(viewer)}

    def visit(place: int) -> None:
        viewer.get(f"/tasks/?q=word{place}&page={place}", headers={"User-Agent": f"agent {place}"})
        viewer.get(f"/projects/{place}/")
        viewer.get(f"/nowhere/{place}", REMOTE_ADDR=f"192.0.2.{place}")
        viewer.generic(f"VERB{place}", "/tasks/")
        ended(job=f"gone.{place}")

    for place in range(3):
        visit(place)
    before = series()
    for place in range(3, 30):
        visit(place)
    assert series() == before


def test_it_tells_what_stands_now(viewer):
    since = timezone.now() - timedelta(seconds=50)
    Task.objects.create(job="demo.sleep", title="t", actor="v", state="queued", lane="reports", priority=9,
                        queued_at=since)
    Project.objects.create(name="Shop", slug="shop", path="/tmp", state="failed")
    found = read(viewer)
    assert value(found, "hub_tasks", state="queued") == 1 and value(found, "hub_tasks", state="running") == 0
    assert value(found, "hub_lane_depth", lane="reports", rank="high") == 1
    assert 50 <= value(found, "hub_lane_oldest_seconds", lane="reports") < 80
    assert value(found, "hub_lane_oldest_seconds", lane="default") == 0
    assert value(found, "hub_projects", state="failed") == 1 and value(found, "hub_workers", state="idle") == 0


def test_requests_are_counted_by_route_and_not_by_address(viewer):
    before = read(viewer)
    for place in range(3):
        viewer.get(f"/tasks/01a2{place:04d}-0000-7000-8000-000000000000/")
        viewer.get(f"/no/such/page/{place}")
    viewer.generic("BREW", "/tasks/")
    found = read(viewer)
    gone = {name: number - before.get(name, 0) for name, number in found.items()
            if name[0] == "hub_http_requests_total"}
    assert gone["hub_http_requests_total", (("method", "GET"), ("route", "/tasks/<uuid:pk>/"), ("status", "404"))] == 3
    assert gone["hub_http_requests_total", (("method", "GET"), ("route", "none"), ("status", "404"))] == 3
    assert [dict(labels) for (_, labels), number in gone.items() if dict(labels)["method"] == "other" and number]
    assert value(found, "hub_http_request_seconds_count", method="GET") >= 6


def test_jobs_that_are_gone_share_a_label_and_text_is_escaped(viewer):
    for name in ('old."job"', "older\njob", "oldest\\job"):
        ended(job=name)
    assert value(read(viewer), "hub_tasks_ended_total", job="other", lane="default", state="succeeded") == 3


def test_look_ups_in_the_cache_are_counted(viewer, redis_server):
    before = read(viewer)
    cache.set("known", None)
    assert cache.get("known", 1) is None and cache.get("unknown", 2) == 2
    after = read(viewer)
    for result in ("hit", "miss"):
        name = ("hub_cache_lookups_total", (("result", result),))
        assert after[name] > before[name]


def test_it_is_for_keys_sessions_and_named_networks(viewer, api, settings):
    stranger = Client()
    assert stranger.get("/metrics").status_code == 401
    assert stranger.get("/metrics", headers={"Authorization": "Bearer hub_wrong"}).status_code == 401
    assert viewer.get("/metrics", headers={"Authorization": "Bearer hub_wrong"}).status_code == 401
    assert api("viewer").get("/metrics").status_code == 200
    settings.HUB_METRICS_NETWORKS = [ipaddress.ip_network("10.0.0.0/8")]
    assert stranger.get("/metrics").status_code == 401
    assert stranger.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert stranger.post("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 405


def test_a_network_that_is_none_stops_the_start(tmp_path):
    with pytest.raises(EnvError, match="HUB_METRICS_NETWORKS"):
        read_env({"HUB_DATA": str(tmp_path), "HUB_METRICS_NETWORKS": "10.0.0.1/8"})
