"""The analytics endpoints of the contract."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from analytics import counting
from analytics.models import Series
from analytics.tests.history import end, waiting
from tasks.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(api):
    def get(path: str, status: int = 200):
        answer = api("viewer").get(f"/api/analytics/{path}")
        assert answer.status_code == status, answer.content
        return answer.json() if status == 200 else answer.json()["error"]

    return get


@pytest.fixture
def history():
    """Ten of one job that ran a second more each, and two of another, of which one failed; and one never began."""
    chance, now = random.Random(1), timezone.now()
    for number in range(10):
        at = now - timedelta(minutes=3 * number + 1)
        task = waiting(chance, at - timedelta(seconds=number + 3), job="mail.send", lane="default",
                       subject="projects.project:7" if number < 4 else "")
        end(task, at, run=timedelta(seconds=number + 1), worker="w1" if number < 5 else "w2")
    for state in ("succeeded", "failed"):
        at = now - timedelta(hours=2)
        end(waiting(chance, at - timedelta(seconds=31), job="gone.job", lane="stacks"), at,
            run=timedelta(seconds=30), state=state)
    end(waiting(chance, now - timedelta(hours=3), job="gone.job", lane="stacks"), now - timedelta(hours=2),
        state="cancelled")
    counting.count_all()


def test_tasks_are_counted_by_each_dimension_with_percentiles(ask, history):
    by_job = {one["key"]: one for one in ask("tasks?by=job")["items"]}
    mail = by_job["mail.send"]
    assert (mail["count"], mail["succeeded"], mail["failed"], mail["cancelled"]) == (10, 10, 0, 0)
    assert mail["run"]["p50"] == pytest.approx(5.5, rel=0.01) and mail["run"]["max"] == 10
    assert mail["run"]["p95"] == pytest.approx(9.55, rel=0.01)
    assert mail["wait"]["p50"] == pytest.approx(2, rel=0.01)
    gone = by_job["gone.job"]
    assert (gone["count"], gone["succeeded"], gone["failed"], gone["cancelled"]) == (3, 1, 1, 1)
    assert {one["key"]: one["count"] for one in ask("tasks?by=project")["items"]} == {"7": 4, "": 9}
    assert {one["key"]: one["count"] for one in ask("tasks?by=worker")["items"]} == {"w1": 7, "w2": 5, "": 1}
    assert {one["key"]: one["count"] for one in ask("tasks?by=state")["items"]} == {
        "succeeded": 11, "failed": 1, "cancelled": 1}
    assert [one["count"] for one in ask("tasks?by=lane&since=1h")["items"]] == [10]
    never = {one["key"]: one for one in ask("tasks?by=state")["items"]}["cancelled"]
    assert never["wait"] == never["run"] == dict.fromkeys(("p50", "p75", "p95", "p99", "max"))


def test_they_are_counted_when_their_rows_are_gone_and_a_query_counts_what_is_kept(ask, history):
    with_query = ask("tasks?by=job&q=job:mail.send run:>5s")["items"]
    assert [(one["key"], one["count"]) for one in with_query] == [("mail.send", 5)]
    assert with_query[0]["run"]["p50"] == pytest.approx(8, rel=0.01)
    assert {one["key"]: one["count"] for one in ask("tasks?by=project&q=job:mail.send")["items"]} == {"7": 4, "": 6}
    assert {one["key"]: one["count"] for one in ask("tasks?by=worker&q=job:mail.send")["items"]} == {"w1": 5, "w2": 5}
    Task.objects.all().delete()
    assert ask("tasks?by=job")["total"] == 2
    assert ask("tasks?by=job&q=job:mail.send")["items"] == []


def test_a_trend_has_a_value_for_every_step(ask, history):
    found = ask("trend?measure=count&step=minute&since=1h")
    assert found["step"] == 60 and found["unit"] == "tasks" and len(found["items"]) in (60, 61)
    assert sum(point["value"] for point in found["items"]) == 10
    rate = ask("trend?measure=failure_rate&step=hour&since=6h")
    assert sorted({point["value"] for point in rate["items"]}, key=str) == [0, 50, None]
    runs = ask("trend?measure=run_p95&since=7d&by=job&key=mail.send")
    assert max(point["value"] or 0 for point in runs["items"]) <= 10
    assert ask("trend?by=job&key=none")["items"][0]["value"] == 0


@pytest.mark.parametrize(("path", "status", "field", "said"), [
    ("trend?measure=joy", 422, "measure", "There is no measure 'joy'"),
    ("trend?since=2026-03-02&until=2026-03-01", 400, "until", "is before since"),
    ("trend?since=2999-01-01", 422, "since", "in the future"),
    ("tasks?since=2999-01-01", 422, "since", "in the future"),
    ("trend?since=0s", 422, "since", "empty"),
    ("trend?since=soon", 400, "since", "is no moment"),
    ("trend?since=0001-01-01", 422, "since", "thirty years"),
    ("trend?step=minute&since=30d", 422, "step", "Minutes are kept for 7 days"),
    ("trend?step=15m&since=30d", 422, "step", "Quarters of an hour are kept for 7 days"),
    ("trend?step=hour&since=365d", 422, "step", "Hours are kept for 90 days"),
    ("trend?step=minute&since=6d", 422, "step", "2,000 are the most"),
    ("trend?step=fortnight", 422, "step", "There is no step"),
    ("trend?key=mail.send", 422, "by", "go together"),
    ("trend?by=job", 422, "key", "go together"),
    ("tasks?by=colour", 422, "by", "must be one of"),
    ("tasks?limit=0", 422, "limit", "at least 1"),
    ("tasks?q=state:lost", 400, "q", "There is no state"),
])  # fmt: skip
def test_what_cannot_be_answered_is_told(ask, path, status, field, said):
    error = ask(path, status)
    assert error["field"] == field and said in error["message"]


def test_a_query_that_finds_nothing_is_an_empty_list(ask):
    assert ask("tasks?q=xylophone")["items"] == [] and ask("tasks")["items"] == []
    assert not Series.objects.exists()


def test_without_a_key_there_is_no_answer(api):
    assert api().get("/api/analytics/tasks").status_code == 401
