"""A running task says how long it has left, or that it is slower than usual, by the runs that were counted."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import signed_in
from analytics import counting
from analytics.tests.history import end, waiting
from tasks import expectations
from tasks.models import Task

pytestmark = pytest.mark.django_db
NUMBERS = ("slower than usual: 95 of 100 runs took", "about 2 min left")


@pytest.fixture(autouse=True)
def nothing_known():
    expectations.forget()
    yield
    expectations.forget()


def runs(number: int, seconds, **values) -> None:
    now = timezone.now()
    for place in range(number):
        at = now - timedelta(hours=place + 1)
        end(waiting(random.Random(1), at - timedelta(seconds=300), **values), at, run=timedelta(seconds=seconds(place)))
    counting.count_all()
    Task.objects.all().delete()  # they were pruned; what is usual is still known


def running(since: float, **values) -> Task:
    """One that has run for so many seconds."""
    task = waiting(random.Random(1), timezone.now() - timedelta(seconds=since + 1), **values)
    began = timezone.now() - timedelta(seconds=since)
    Task.objects.filter(pk=task.pk).update(state="running", attempt=1, started_at=began)
    return task


@pytest.fixture
def shown(api):
    """A task as its page and as the API tells it."""
    viewer = signed_in("viewer")
    return lambda task: (viewer.get(f"/tasks/{task.pk}/").content.decode(),
                         api("viewer").get(f"/api/tasks/{task.pk}").json())


def test_a_task_without_steps_says_how_long_it_has_left(shown):
    on_shop = {"job": "projects.start", "subject": "projects.project:7"}
    runs(30, lambda place: 150 + place % 3, **on_shop)
    page, told = shown(running(30, **on_shop))
    assert "about 2 min left" in page
    assert 100 < told["remaining"] < 122 and told["slower_than_usual"] is False


def test_a_task_that_runs_longer_than_95_of_100_says_so(shown):
    on_shop = {"job": "projects.start", "subject": "projects.project:7"}
    runs(30, lambda place: 10 + place % 3, **on_shop)
    page, told = shown(running(60, **on_shop))
    assert "slower than usual: 95 of 100 runs took 12 s at most" in page
    assert told["remaining"] is None and told["slower_than_usual"] is True
    other, told = shown(running(60, job="projects.start", subject="projects.project:8"))
    assert "slower than usual" not in other and told["slower_than_usual"] is False


def test_what_differs_much_or_was_seldom_run_says_nothing_of_what_is_left(shown):
    runs(30, lambda place: 30 if place % 3 else 300, job="mail.send")
    runs(5, lambda place: 100, job="images.resize")
    for job in ("mail.send", "images.resize"):
        page, told = shown(running(5, job=job))
        assert told["remaining"] is None and not any(words in page for words in NUMBERS)
