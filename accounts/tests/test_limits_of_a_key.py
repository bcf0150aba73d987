"""A key may ask so often, exactly, however many ask at once, and is told how it stands."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts import counting, rates
from accounts.actions import make_key
from accounts.tests.api_client import ApiClient, error_of
from accounts.tests.counts import start_counting_anew
from tasks.models import Task

pytestmark = pytest.mark.django_db
STATE = {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}


@pytest.fixture(autouse=True)
def few(settings, redis_server):
    settings.HUB_RATE_HOUR, settings.HUB_RATE_BURST = 1000, 100
    start_counting_anew(redis_server)
    yield
    start_counting_anew(redis_server)


@pytest.fixture(params=["redis", "here"])
def counted(request, settings) -> str:
    if request.param == "here":
        settings.REDIS_URL = f"unix://{settings.HUB_DATA}/nothing.sock"
    return request.param


def passed(number: int) -> int:
    return sum(rates.ask("one").passes for _ in range(number))


def test_of_a_hundred_clients_at_once_no_more_pass_than_may(counted):
    with ThreadPoolExecutor(100) as clients:
        seen = list(clients.map(lambda _: passed(4), range(100)))
    assert sum(seen) == 100


def test_the_hour_has_its_own_limit(counted, settings):
    settings.HUB_RATE_HOUR, settings.HUB_RATE_BURST = 7, 100
    assert passed(20) == 7
    last = rates.ask("one")
    assert (last.limit, last.left) == (7, 0) and 3590 <= last.reset <= 3600


def test_the_minute_slides(counted, settings, monkeypatch):
    settings.HUB_RATE_BURST = 5
    monkeypatch.setattr(rates, "MINUTE", 1)
    deadline = time.monotonic() + 30
    moments = []
    while len(moments) < 12 and time.monotonic() < deadline:
        before = time.monotonic()
        if rates.ask("one").passes:
            moments.append((before, time.monotonic()))
        else:
            time.sleep(0.01)
    assert len(moments) == 12
    for place in range(len(moments) - 5):
        # Five in any second: the sixth was not answered before a second had gone by since the first was asked. (Redis
        # has another clock.)
        assert moments[place + 5][1] - moments[place][0] >= 0.99


def test_each_key_has_its_own(counted):
    assert passed(150) == 100
    assert rates.ask("another").passes


def test_the_status_of_a_task_costs_nothing_below_five_a_second(counted):
    assert [rates.ask("one", polled=True).counted for _ in range(5)] == [False] * 5
    began = time.monotonic()
    seen = [rates.ask("one", polled=True).counted for _ in range(300)]
    assert any(seen) and seen.count(False) <= 5 * (time.monotonic() - began + 2)


def test_answers_say_how_the_key_stands(settings):
    settings.HUB_RATE_BURST = 3
    client = ApiClient("viewer")
    first = client.get("/api/projects")
    assert (first["RateLimit-Limit"], first["RateLimit-Remaining"]) == ("3", "2")
    assert 1 <= int(first["RateLimit-Reset"]) <= 60 and "Retry-After" not in first
    assert client.get("/api/projects/1").status_code == 404
    refused = client.post("/api/tasks", {})
    assert refused.status_code == 403 and refused["RateLimit-Remaining"] == "0"
    late = client.get("/api/projects")
    error = error_of(late, 429)
    assert error["code"] == "too_many_requests" and "3 times" in error["message"]
    assert late["Retry-After"] == late["RateLimit-Reset"] and 1 <= int(late["Retry-After"]) <= 60
    assert late["RateLimit-Remaining"] == "0"
    assert not STATE & set(ApiClient().get("/api/projects").headers)


def test_polls_of_a_task_pass_at_the_limit(settings):
    settings.HUB_RATE_BURST = 1
    task = Task.objects.create(job="demo.sleep", title="Sleep", state="running", lane="default", actor="test")
    client = ApiClient("viewer")
    assert client.get(f"/api/tasks/{task.pk}").status_code == 200
    assert client.get(f"/api/tasks/{task.pk}").status_code == 429
    for address in (f"/api/tasks/{task.pk}/status", f"/api/tasks/status/{task.pk}"):
        answer = client.get(address)
        assert answer.status_code == 200 and not STATE & set(answer.headers)


def test_a_wrong_key_is_not_counted():
    key, plain = make_key("script", "viewer")
    wrong = ApiClient(headers={"Authorization": f"Bearer {plain[:-1]}{'A' if plain[-1] != 'A' else 'B'}"})
    assert wrong.get("/api/projects").status_code == 401
    assert rates.ask(key.public_id).left == 99


def test_a_redis_that_hangs_holds_up_one_request_and_no_more(redis_server, monkeypatch):
    monkeypatch.setattr(counting, "AGAIN", 600)
    rates.ask("one")
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        assert rates.ask("one").passes  # waits until it is given up
        monkeypatch.setattr(counting, "_script", None)  # not even called
        assert passed(150) == 99
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
