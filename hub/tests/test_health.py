"""Somebody, or something, asks whether Hub is well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings as hub_settings
from django.test import Client
from django.utils import timezone

from alerts.evaluator import evaluate
from alerts.models import Look
from hub import health
from hub.tests.conftest import ROOT
from hub.watch import heartbeat_file
from projects.tests.port_slice import free_port
from tasks.crews.models import Crew

pytestmark = pytest.mark.django_db


@pytest.fixture
def watch_lives() -> Iterator[None]:
    heartbeat_file().touch()
    yield
    heartbeat_file().unlink(missing_ok=True)


@pytest.fixture
def no_redis(redis_server) -> Iterator[None]:
    redis_server.kill()
    yield
    redis_server.start()


@pytest.fixture
def hanging_redis(redis_server) -> Iterator[None]:
    os.kill(redis_server.pid, signal.SIGSTOP)
    yield
    os.kill(redis_server.pid, signal.SIGCONT)


def ask(client: Client, path: str = "/health") -> tuple[int, dict]:
    answer = client.get(path)
    return answer.status_code, answer.json()


def test_all_well(client, workers, watch_lives):
    workers(2)
    evaluate()
    heartbeat_file().touch()  # they may have been long in coming
    status, body = ask(client)
    assert status == 200
    assert body["status"] == "ok", body
    assert body["workers"] == {"status": "ok", "alive": 2, "expected": hub_settings.ENV.workers}
    assert body["disk"]["free"] > 0


def test_with_one_worker_of_two_it_is_degraded(client, workers, watch_lives):
    workers(1)
    status, body = ask(client)
    assert (status, body["status"], body["workers"]["status"]) == (200, "degraded", "degraded")
    assert body["workers"]["alive"] == 1


def test_a_number_of_workers_set_by_hand_is_the_one_that_is_expected(client, workers, settings):
    workers(1)
    crew = Crew.objects.create(node=settings.HUB_NODE, fixed=1)
    assert ask(client)[1]["workers"] == {"status": "ok", "alive": 1, "expected": 1}
    Crew.objects.filter(pk=crew.pk).update(fixed=3)
    assert ask(client)[1]["workers"] == {"status": "degraded", "alive": 1, "expected": 3}


def test_without_workers_it_is_degraded(client, redis_server, watch_lives):
    redis_server.client().flushall()
    status, body = ask(client)
    assert (status, body["status"]) == (200, "degraded")
    assert body["workers"] == {"status": "down", "alive": 0, "expected": hub_settings.ENV.workers}


def test_without_a_watch_it_is_degraded(client, redis_server):
    heartbeat_file().unlink(missing_ok=True)
    status, body = ask(client)
    assert (status, body["status"], body["watch"]) == (200, "degraded", {"status": "down", "age": None})


def test_a_watch_that_stopped_touching_its_file_is_taken_for_dead(client, redis_server, watch_lives):
    before = time.time() - 60
    os.utime(heartbeat_file(), (before, before))
    watch = ask(client)[1]["watch"]
    assert watch["status"] == "down"
    assert watch["age"] >= 60


@pytest.mark.alone
def test_without_redis_it_is_degraded_and_not_ready(client, no_redis, watch_lives):
    begun = time.monotonic()
    status, body = ask(client)
    assert time.monotonic() - begun < 1.5
    assert (status, body["status"], body["redis"]["status"]) == (200, "degraded", "down")
    assert ask(client, "/health/ready") == (503, {
        "ready": False, "reasons": ["Redis does not answer"], "warnings": []})


@pytest.mark.alone
def test_a_redis_that_hangs_does_not_hang_the_page(client, hanging_redis, watch_lives):
    begun = time.monotonic()
    status, body = ask(client)
    assert time.monotonic() - begun < 2
    assert (status, body["redis"]["status"]) == (200, "down")


def test_ready_when_requests_can_be_served(client, redis_server):
    evaluate()
    assert ask(client, "/health/ready") == (200, {"ready": True, "reasons": [], "warnings": []})


def test_it_says_when_nobody_looks_at_the_rules_of_alerts(client, redis_server, watch_lives):
    said = "the rules of alerts were never looked at"
    assert ask(client, "/health/ready") == (200, {"ready": True, "reasons": [], "warnings": [said]})
    evaluate()
    Look.objects.update(at=timezone.now() - timedelta(minutes=3, seconds=20))
    status, body = ask(client, "/health/ready")
    assert (status, body["ready"]) == (200, True)
    assert body["warnings"][0].startswith("the rules of alerts were not looked at for 3 min")
    assert ask(client)[1]["alerts"]["status"] == "degraded"


def test_a_disk_that_fills_up_is_degraded(client, redis_server, monkeypatch):
    monkeypatch.setattr(health, "DISK_LOW", 1 << 62)
    status, body = ask(client)
    assert (status, body["status"], body["disk"]["status"]) == (200, "degraded", "degraded")


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_it_is_public_and_only_for_reading(redis_server, path: str):
    client = Client(enforce_csrf_checks=True)  # as a stranger who has no token
    assert client.head(path).status_code == 200
    assert client.get(path)["Cache-Control"].find("no-store") >= 0
    for method in (client.post, client.put, client.delete):
        assert method(path).status_code == 405


@pytest.mark.alone
def test_it_answers_quickly_when_all_is_well(client, redis_server):
    ask(client)
    times = []
    for _ in range(20):
        begun = time.monotonic()
        ask(client)
        times.append(time.monotonic() - begun)
    assert sorted(times)[10] < 0.05


def in_a_process_of_its_own(database_url: str, tmp_path) -> list:
    """What both pages answer with that database."""
    code = (
        "import django, json; django.setup(); from django.test import Client\n"
        "c = Client(headers={'host': 'localhost'})\n"
        "print(json.dumps([[a.status_code, a.json()] for a in map(c.get, ['/health', '/health/ready'])]))"
    )
    own = {"HUB_DATA": str(tmp_path), "DATABASE_URL": database_url, "REDIS_URL": hub_settings.REDIS_URL}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **own}, check=True,
                          capture_output=True, text=True, timeout=60)
    assert "geheim" not in done.stdout
    return json.loads(done.stdout.splitlines()[-1])


def test_without_its_database_it_is_down_and_says_no_secret(redis_server, tmp_path):
    (status, body), (ready_status, ready) = in_a_process_of_its_own(
        f"postgres://hub:geheim@127.0.0.1:{free_port()}/hub", tmp_path
    )
    assert (status, body["status"], body["database"]) == (503, "down", {"status": "down"})
    assert (ready_status, ready["reasons"]) == (503, ["the database does not answer"])


def test_before_its_migrations_it_is_not_ready(redis_server, tmp_path):
    (status, body), (ready_status, ready) = in_a_process_of_its_own(f"sqlite:///{tmp_path}/new.sqlite3", tmp_path)
    assert (status, body["database"]["status"]) == (200, "ok")
    assert (ready_status, ready["reasons"]) == (503, ["the database is not up to date"])
