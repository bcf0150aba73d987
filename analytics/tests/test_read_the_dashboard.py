"""The pages of analytics, as people read them."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import signed_in
from analytics import counting
from analytics.tests.history import end, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer():
    return signed_in("viewer")


def ended(number: int = 6, **values) -> None:
    chance, now = random.Random(4), timezone.now()
    for place in range(number):
        at = now - timedelta(minutes=10 * place + 1)
        end(waiting(chance, at - timedelta(seconds=9), **values), at, run=timedelta(seconds=6),
            state="failed" if place == 0 else "succeeded")
    counting.count_all()


def test_the_overview_says_how_many_and_how_long(viewer):
    ended()
    page = viewer.get("/analytics/").content.decode()
    assert "Failure rate" in page and "16.7 %" in page
    assert "/tasks/?q=ended%3A" in page and "UTC" in page
    assert 'aria-current="page">Overview' in page


def test_an_empty_range_says_so_and_a_wrong_one_what_is_wrong(viewer):
    assert "Nothing ended in this range" in viewer.get("/analytics/").content.decode()
    answer = viewer.get("/analytics/?since=soonish")
    assert answer.status_code == 422 and "is no moment" in answer.content.decode()
    answer = viewer.get("/analytics/?since=2026-03-02&until=2026-03-01")
    assert answer.status_code == 422 and "is before since" in answer.content.decode()
