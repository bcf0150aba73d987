"""Answers are kept until what they are about changes, and made by one when many ask."""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connections
from django.db.models import Q
from django.utils import timezone

from analytics import caching, counting
from analytics.caching import remembered
from analytics.tests.history import end, waiting

pytestmark = pytest.mark.django_db
ALL = Q(dimension="all")


@pytest.fixture(autouse=True)
def nothing_known():
    cache.clear()
    caching.forget()


def a_task(job: str) -> None:
    now = timezone.now()
    end(waiting(random.Random(1), now - timedelta(seconds=5), job=job), now, run=timedelta(seconds=1))
    counting.count_all()


def test_an_answer_is_made_anew_when_a_task_of_it_was_counted_and_not_for_others(redis_server):
    made = []

    def ask(job: str) -> str:
        return remembered("test", [job], Q(dimension="job", key=job), lambda: made.append(job) or "answer")

    a_task("mail.send")
    assert [ask("mail.send"), ask("mail.send"), ask("images.resize")] == ["answer"] * 3
    assert made == ["mail.send", "images.resize"]
    a_task("images.resize")
    ask("mail.send")
    ask("images.resize")
    assert made == ["mail.send", "images.resize", "images.resize"]


def test_other_processes_know_it_too_and_without_redis_each_makes_its_own(redis_server):
    made = []
    for _ in range(2):
        remembered("test", [], ALL, lambda: made.append(1) or "answer")
        caching.forget()  # as if it were another process
    assert made == [1]
    redis_server.stop()
    try:
        for _ in range(2):
            assert remembered("test", [], ALL, lambda: made.append(1) or "answer") == "answer"
        assert made == [1, 1]
    finally:
        redis_server.start()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_makes_the_answer(redis_server):
    made, got = [], []
    begun = threading.Barrier(8)

    def make() -> str:
        made.append(1)
        time.sleep(0.2)  # it takes long
        return "answer"

    def ask() -> None:
        begun.wait()
        got.append(remembered("test", ["slow"], ALL, make))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == [1] and got == ["answer"] * 8


def test_who_waits_too_long_for_another_process_gets_the_last_answer(redis_server, monkeypatch):
    monkeypatch.setattr(caching, "PATIENCE", 0.1)
    made = []
    remembered("test", [], ALL, lambda: made.append(1) or "old")
    a_task("mail.send")
    caching.forget()
    # Another process has begun to make it, and does not end.
    key = next(key for key in _keys(redis_server) if key.startswith("analytics:test:") and key.endswith(":0"))
    cache.add(f"{key.removesuffix(':0')}:{caching.version(ALL)}:lock", 1, 10)
    assert remembered("test", [], ALL, lambda: made.append(1) or "new") == "old"
    assert made == [1]


def test_the_share_of_known_answers_is_counted(redis_server):
    before = caching.asked()
    for _ in range(3):
        remembered("test", ["counted"], ALL, lambda: "answer")
    after = caching.asked()
    assert (after["hit"] - before["hit"], after["miss"] - before["miss"]) == (2, 1)


def _keys(server) -> list[str]:
    return [key.decode().rpartition(":1:")[2] for key in server.client().keys("*analytics:test:*")]
