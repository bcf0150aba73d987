"""A request with an `Idempotency-Key` that is sent again is done once, and answered the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts.tests.api_client import ApiClient, error_of
from hub.models import GivenAnswer
from projects.models import Project
from tasks.models import Task

SLEEP = {"job": "demo.sleep", "params": {"seconds": 1}}
KEY = {"Idempotency-Key": "3e6d9f0c-once"}


@pytest.fixture
def operator(api):
    return api("operator")


def test_the_same_request_is_done_once_and_answered_the_same(operator):
    first = operator.post("/api/tasks", SLEEP, headers=KEY)
    assert first.status_code == 202 and "Idempotency-Replayed" not in first
    for _ in range(3):
        again = operator.post("/api/tasks", SLEEP, headers=KEY)
        assert (again.status_code, again.content) == (202, first.content)
        assert again["Idempotency-Replayed"] == "true"
    assert Task.objects.filter(job="demo.sleep").count() == 1
    assert operator.post("/api/tasks", SLEEP).json()["id"] != first.json()["id"]


def test_what_is_made_is_answered_as_it_was_made(operator, projects_folder):
    body = {"name": "Shop", "path": str(projects_folder), "env": {"TOKEN": "s3cret-value"}}
    first = operator.post("/api/projects", body, headers=KEY)
    Project.objects.update(name="Renamed")
    again = operator.post("/api/projects", body, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201) and again.json() == first.json()
    assert Project.objects.count() == 1
    assert "s3cret" not in str(GivenAnswer.objects.get().answer)


@pytest.mark.parametrize(("path", "body"), [
    ("/api/tasks", {**SLEEP, "priority": 7}), ("/api/tasks?x=1", SLEEP),
    ("/api/tasks/bulk", {"do": "cancel", "q": "a"}),
])
def test_a_key_serves_one_request(operator, path, body):
    operator.post("/api/tasks", SLEEP, headers=KEY)
    assert error_of(operator.post(path, body, headers=KEY), 422)["field"] == "Idempotency-Key"
    assert Task.objects.filter(job__in=("demo.sleep", "tasks.bulk")).count() == 1


def test_a_key_is_its_askers(operator, api):
    first = operator.post("/api/tasks", SLEEP, headers=KEY).json()["id"]
    assert api("admin").post("/api/tasks", SLEEP, headers=KEY).json()["id"] != first
    error_of(api("viewer").post("/api/tasks", SLEEP, headers=KEY), 403)


def test_a_refusal_is_not_kept(operator):
    error_of(operator.post("/api/tasks", {**SLEEP, "lane": "fast"}, headers=KEY), 422)
    assert not GivenAnswer.objects.exists()
    assert operator.post("/api/tasks", SLEEP, headers=KEY).status_code == 202


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "gr\u00fcn"])
def test_what_cannot_be_a_key_is_refused(operator, key):
    assert error_of(operator.post("/api/tasks", SLEEP, headers={"Idempotency-Key": key}), 422)[
        "field"] == "Idempotency-Key"
    assert not Task.objects.filter(job="demo.sleep").exists()


@pytest.mark.parametrize(("hours", "same"), [(24, True), (47, True), (49, False)])
def test_an_answer_is_kept_for_two_days(operator, redis_server, hours, same):
    first = operator.post("/api/tasks", SLEEP, headers=KEY).json()["id"]
    redis_server.client().flushall()  # what Redis loses does not matter
    GivenAnswer.objects.update(made_at=timezone.now() - timedelta(hours=hours))
    assert (operator.post("/api/tasks", SLEEP, headers=KEY).json()["id"] == first) is same
    assert GivenAnswer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_is_done(redis_server):
    client = ApiClient("operator")

    def ask(number: int) -> tuple[int, str]:
        try:
            answer = client.post("/api/tasks", SLEEP, headers=KEY)
            return answer.status_code, answer.json().get("id", "")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(ask, range(12)))
    assert len(answers) == 1 and answers.pop()[0] == 202
    assert Task.objects.filter(job="demo.sleep").count() == 1
