"""The pages of analytics, as people read them."""

from __future__ import annotations

import html
import random
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.people import signed_in
from analytics import counting
from analytics.causes import compared
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


def a_run(at, build: float, project: int = 7, *, state: str = "succeeded", error: str = "") -> None:
    """A start of a project, of which one step took so many seconds."""
    began = at - timedelta(seconds=build + 1)
    task = waiting(random.Random(1), began - timedelta(seconds=1), job="projects.start",
                   subject=f"projects.project:{project}", error=error, steps=[
                       {"key": "build", "label": "Build images", "started": began.isoformat(), "done": 1, "total": 1,
                        "ended": (began + timedelta(seconds=build)).isoformat(), "usual": None, "tail": None,
                        "detail": ""}])
    end(task, at, run=timedelta(seconds=build + 1), state=state)


def test_which_project_got_slower_this_week_and_why_takes_three_clicks(viewer):
    now = timezone.now()
    for number in range(6):
        a_run(now - timedelta(days=9, minutes=number), 10)
        a_run(now - timedelta(days=1, minutes=number), 30)
        a_run(now - timedelta(days=9, minutes=number), 5, 8)
        a_run(now - timedelta(days=1, minutes=number), 5, 8)
    a_run(now - timedelta(hours=3), 2, state="failed", error="port 8010 is taken\nmore")
    a_run(now - timedelta(hours=2), 2, state="failed", error="port 8011 is taken\nmore")
    counting.count_all()
    assert 'href="/analytics/"' in viewer.get("/tasks/").content.decode()
    assert 'href="/analytics/jobs/"' in viewer.get("/analytics/").content.decode()
    jobs = viewer.get("/analytics/jobs/").content.decode()
    slower = jobs[jobs.index("Got slower"): jobs.index("<table")]
    assert "/analytics/projects/7/?since=7d" in slower and "/analytics/projects/8/" not in slower
    page = viewer.get("/analytics/projects/7/?since=7d").content.decode()
    assert "slower. The step “Build images” of projects.start took 30 s, before 10 s." in page
    assert "port 801" in page and "2 ×" in page
    other = viewer.get("/analytics/projects/8/?since=7d&job=projects.start").content.decode()
    assert "as before" in other and "Nothing failed in this range." in other
    assert viewer.get("/analytics/projects/99/").status_code == 404
    job = viewer.get("/analytics/jobs/projects.start/").content.decode()
    assert "By project" in job and "Slowest steps" in job


def test_a_trend_is_shown_beside_the_period_before(viewer):
    ended(number=5, job="mail.send")
    page = viewer.get("/analytics/trends/?measure=run_p50&of=job:mail.send").content.decode()
    assert "Period before" in page and "6 s" in page and "seconds" in page
    assert 'value="job:mail.send" selected' in page
    nothing = viewer.get("/analytics/trends/?of=job:none&measure=joy")
    assert nothing.status_code == 200 and "Nothing ended in this range" in nothing.content.decode()


def test_the_last_runs_are_compared_with_the_twenty_before():
    usual = [10 + number / 10 for number in range(20)]
    assert compared([15, 16, 14, 17, 15], usual).is_one
    assert not compared([11, 10, 12, 10, 11], usual).is_one
    assert not compared([10, 10, 40, 40, 10], usual).is_one  # two of five are chance


def test_who_has_no_role_sees_nothing(client):
    assert client.get("/analytics/").status_code == 302
    assert signed_in().get("/analytics/").status_code == 403


def test_distributions_name_what_there_is_and_lead_to_it(viewer):
    ended(number=4, priority=8, lane="reports")
    page = viewer.get("/analytics/distributions/?since=30d").content.decode()
    assert "By hour of the week" in page and "reports: 4, 25 % failed" in page
    assert "/tasks/?q=lane%3A%22reports%22+ended%3A" in page and "/tasks/?q=priority%3A%228%22" in page
    assert "/tasks/?q=state%3Afailed+ended%3A" in page
    old = viewer.get("/analytics/distributions/?since=2020-01-01&until=2020-02-01").content.decode()
    assert "Hours are kept for 90 days" in old and "No data in this period" in old


def test_the_links_of_charts_find_what_they_counted(viewer):
    ended(number=4, lane="reports")
    page = viewer.get("/analytics/distributions/?since=30d").content.decode()
    for start, number in (("/tasks/?q=lane%3A", 4), ("/tasks/?q=state%3Afailed", 1)):
        address = html.unescape(page[page.index(start): page.index('"', page.index(start))])
        found = viewer.get(address)
        assert found.status_code == 200 and len(found.context["rows"]) == number
