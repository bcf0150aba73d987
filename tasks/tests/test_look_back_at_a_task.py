"""The page of a task tells its whole story: its timeline, how it compares, what came of the same request, and the
commands that show it."""

from __future__ import annotations

import html
import json
import shlex
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role
from accounts.tests.people import person
from tasks.actions import enqueue
from tasks.copying import commands_of
from tasks.models import Attempt, Task
from tasks.tests import jobs
from tasks.timeline import among_earlier, timeline_of

NOW = timezone.now()


def ran(seconds: float, state: str = "succeeded", **fields) -> Task:
    return Task.objects.create(**{
        "job": "demo.sleep", "title": "Sleep", "actor": "vera", "state": state, "created_at": NOW,
        "started_at": NOW + timedelta(seconds=2), "finished_at": NOW + timedelta(seconds=2 + seconds), **fields})


@pytest.mark.django_db(transaction=True)
def test_the_timeline_runs_over_all_attempts(trial_workers, said, wait_for):
    trial_workers(1)
    task = wait_for(enqueue(jobs.Fail, {"file": str(said)}), "failed")
    moments = timeline_of(task, list(task.attempts.all()))
    assert [one.at for one in moments] == sorted(one.at for one in moments)
    assert moments[0].text == "Created" and moments[-1].look.state == "failed"
    assert moments[-1].note and [one.text for one in moments if one.text.startswith("Attempt 1 began on")]


@pytest.mark.django_db
def test_a_death_is_told_with_its_signal_and_the_wait_for_the_next_attempt():
    task = ran(20, steps=[{"key": "a", "label": "Build", "started": (NOW + timedelta(seconds=9)).isoformat(),
                           "ended": (NOW + timedelta(seconds=12)).isoformat()}])
    for number, (begin, end, outcome, signal) in enumerate([(2, 5, "died", "SIGKILL"), (8, 22, "succeeded", "")], 1):
        Attempt.objects.create(
            task=task, number=number, worker=f"w{number}", host="h", pid=1, pid_started=1, correlation_id=uuid.uuid4(),
            started_at=NOW + timedelta(seconds=begin), ended_at=NOW + timedelta(seconds=end), outcome=outcome,
            signal=signal)
    told = [(one.text, one.note) for one in timeline_of(task, list(task.attempts.all()))]
    assert told == [
        ("Created", "by vera"), ("Attempt 1 began on w1", "after 2.0 s of waiting"), ("Attempt 1: died", "SIGKILL"),
        ("Attempt 2 began on w2", "after 3.0 s of waiting"), ("Build", "took 3.0 s"), ("Attempt 2: succeeded", ""),
    ]


@pytest.mark.django_db
def test_a_run_is_compared_with_earlier_ones_of_the_same_kind():
    for seconds in range(1, 5):
        ran(seconds)
    assert among_earlier(ran(9)) is None  # four are too few; this is the fifth
    ran(500, subject="projects.project:1")
    found = among_earlier(ran(8.5))
    assert (found.count, found.half, found.most, found.slow) == (5, "3.0 s", "9.0 s", False)
    slow = among_earlier(ran(10))
    assert slow.slow and slow.verdict == "longer than all of them"
    assert among_earlier(ran(1, state="queued", started_at=None, finished_at=None)) is None


@pytest.mark.django_db
def test_the_commands_can_be_given_to_a_shell():
    evil = {"seconds": 1, "note": "it's $(rm) \"x\"\n"}
    lines = commands_of(ran(1, params=evil), "https://hub.example.org").split("\n")
    body = json.loads(shlex.split(lines[2])[6])
    assert body["params"] == evil and body["job"] == "demo.sleep" and len(lines) == 3
    assert len(commands_of(ran(1, params={"password": "x"}), "https://h").split("\n")) == 2
    assert len(commands_of(ran(1, job="gone"), "https://h").split("\n")) == 2


@pytest.mark.django_db
def test_the_page_shows_all_of_it():
    client = Client()
    client.force_login(person(Role.VIEWER, "vera"))
    for seconds in range(1, 7):
        ran(seconds)
    task = ran(60, title="<b>Slow</b>")
    other = ran(1, title="Another", correlation_id=task.correlation_id)
    page = html.unescape(client.get(f"/tasks/{task.pk}/").content.decode())
    assert "longer than all of them" in page and f"/tasks/{other.pk}/" in page
    assert f"manage.py task show {task.pk}" in page and "<b>Slow" in page
