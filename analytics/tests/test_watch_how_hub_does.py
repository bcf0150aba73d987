"""Requests, queries, sizes and workers: seen by the processes, gathered by `watch`, shown on a page."""

from __future__ import annotations

import random
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import signed_in
from analytics import caching, counting, readings, requests, sampling
from analytics.models import DAY, HOUR, MINUTE, Reading
from analytics.ranges import asked
from analytics.readings import Seen
from analytics.rollups import WIDTHS
from analytics.tests.history import end, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_noted(redis_server):
    redis_server.client().flushall()
    requests.tell()
    redis_server.client().flushall()


def test_requests_are_handed_over_and_shown_by_view_with_their_queries():
    viewer = signed_in("viewer")
    for _ in range(3):
        viewer.get("/analytics/trends/")
    assert requests.tell()
    sampling.sample()
    page = viewer.get("/analytics/performance/?since=1h").content.decode()
    assert "analytics:trends" in page and "Queries, mean" in page
    found = readings.over(asked("1h", "", timezone.now()), ["request", "queries"])
    times = readings.together(found["request", "analytics:trends"])
    assert times.count == 3 and 0 < times.percentile(0.5) <= times.percentile(0.95) <= times.high
    assert readings.together(found["queries", "analytics:trends"]).mean >= 2
    assert not requests.taken()


def test_what_cannot_be_handed_over_is_handed_over_later(redis_server):
    requests.note("some:view", 0.25, 4)
    redis_server.stop()
    try:
        assert not requests.tell()
        sampling.sample()
        assert Reading.objects.filter(name="redis-away", width=MINUTE).exists()
    finally:
        redis_server.start()
    requests.note("some:view", 0.75, 6)
    assert requests.tell()
    one = requests.taken()["request", "some:view"]
    assert (one.count, one.total, one.high) == (2, 1.0, 0.75)


def test_a_look_keeps_sizes_workers_and_the_share_of_known_answers(redis_server):
    caching.forget()
    signed_in("viewer").get("/analytics/trends/")
    requests.tell()
    sampling.sample()
    sampling.sample()
    rows = {row.name: row for row in Reading.objects.filter(width=DAY, key="")}
    assert rows["database"].count == 2 and rows["database"].high > 100_000 and rows["redis"].high > 1000
    assert rows["workers"].total == 0 and rows["waiting"].total == 0
    assert Reading.objects.filter(name="cache", width=HOUR).exists()


def test_readings_are_added_up_and_go_when_their_time_is_over():
    now = timezone.now()
    for value in (1.0, 3.0):
        seen = Seen()
        seen.see(value, spread=True)
        readings.keep({("request", "a"): seen}, now)
    for width in WIDTHS:
        row = Reading.objects.get(width=width)
        assert (row.count, row.total, row.high) == (2, 4.0, 3.0)
    readings.expire(now + timedelta(days=100))
    assert [row.width for row in Reading.objects.all()] == [DAY]


def test_how_busy_workers_were_is_shown_over_time_and_leads_to_what_they_did():
    now = timezone.now()
    for name, value in (("workers", 4.0), ("busy", 3.0), ("oldest", 90.0)):
        seen = Seen()
        seen.see(value)
        readings.keep({(name, ""): seen}, now)
    end(waiting(random.Random(1), now - timedelta(seconds=9)), now, run=timedelta(seconds=1))
    counting.count_all()
    viewer = signed_in("viewer")
    for address in ("/analytics/", "/analytics/performance/"):
        page = viewer.get(f"{address}?since=1h").content.decode()
        use = page[page.index("<h3>Workers at work"): page.index("<h3>Oldest waiting task")]
        assert "Busy 75 %" in use and "A point a minute" in use and "UTC" in use
        assert re.search(r'<td><a href="/tasks/\?q=ended%3A[^"]+">', use)
        assert "Age 1 min 30 s" in page
