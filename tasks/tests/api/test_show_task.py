"""One task, in Hub's shape and in Celery's."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.api_client import error_of
from tasks.models import Task

pytestmark = pytest.mark.django_db

UNKNOWN = ["01890000-0000-7000-8000-000000000000", "x", "1", "searching", "../1", "%00"]
KEYS = {
    "id", "job", "name", "state", "priority", "lane", "queue", "node", "params", "progress", "step", "steps_done",
    "steps_total", "remaining", "result", "error", "detail", "attempt", "attempts", "created_at", "run_at",
    "started_at", "finished_at", "wait", "run", "parent", "children", "depends_on", "retry_of", "project", "actor",
    "correlation_id",
    "log_tail",
    "slower_than_usual",
}


def make(**fields) -> Task:
    return Task.objects.create(**{"job": "demo.sleep", "title": "Sleep", "actor": "test"} | fields)


def test_every_field_of_the_contract(api):
    created = timezone.now() - timedelta(minutes=1)
    parent = make()
    task = make(
        state="failed", subject="projects.project:7", parent=parent, retry_of=parent, attempt=1, created_at=created,
        started_at=created + timedelta(seconds=2), finished_at=created + timedelta(seconds=5), progress=40.0,
        step="Start web", steps_done=1, steps_total=3, error="web did not start.", detail="line 3",
        params={"project": 7},
    )
    task.attempts.create(
        number=1, worker="w1", host="h", pid=1, pid_started=1, correlation_id=task.correlation_id,
        started_at=task.started_at, ended_at=task.finished_at, outcome="died", signal="SIGKILL",
    )
    for number in range(60):
        task.log_lines.create(text=f"line {number}")

    body = api("viewer").get(f"/api/tasks/{task.pk}").json()

    assert set(body) == KEYS
    assert body["id"] == str(task.pk) and body["name"] == "Sleep" and body["project"] == 7
    assert body["parent"] == body["retry_of"] == str(parent.pk)
    assert (body["wait"], body["run"], body["remaining"]) == (2.0, 3.0, None)
    assert body["attempts"][0] == {
        "number": 1, "started_at": body["started_at"], "ended_at": body["finished_at"], "outcome": "died",
        "error": None, "exit_code": None, "signal": "SIGKILL", "memory": None, "worker": "w1",
    }
    assert [line["text"] for line in body["log_tail"]] == [f"line {number}" for number in range(10, 60)]
    assert len(body["created_at"]) == len("2026-11-22T15:00:00.000000Z") and body["created_at"].endswith("Z")
    assert api("viewer").get(f"/api/tasks/{parent.pk}").json()["children"] == [str(task.pk)]


@pytest.mark.parametrize("task_id", UNKNOWN)
@pytest.mark.parametrize("address", ["/api/tasks/{}", "/api/tasks/{}/status", "/api/tasks/status/{}"])
def test_an_unknown_task_is_404(api, address, task_id):
    error_of(api("viewer").get(address.format(task_id)), 404)


@pytest.mark.parametrize(("state", "word", "ready"), [
    ("scheduled", "PENDING", False), ("blocked", "PENDING", False), ("queued", "PENDING", False),
    ("running", "RUNNING", False), ("succeeded", "SUCCESS", True), ("failed", "FAILURE", True),
    ("cancelled", "REVOKED", True),
])
def test_status_in_the_words_of_celery_at_both_addresses(api, state, word, ready):
    task = make(state=state, progress=30.0, result={"ports": [1]}, error="It broke." if state == "failed" else "",
                step="Start web")
    client = api("viewer")
    body = client.get(f"/api/tasks/{task.pk}/status").json()
    assert body == client.get(f"/api/tasks/status/{task.pk}").json()
    assert set(body) == {"task_id", "state", "ready", "status", "progress", "result", "error"}
    assert (body["task_id"], body["state"], body["ready"]) == (str(task.pk), word, ready)
    assert body["progress"] == (100.0 if state == "succeeded" else 30.0)
    assert body["result"] == {"ports": [1]} and body["status"]
    assert body["error"] == ("It broke." if state == "failed" else None)
    if state == "running":
        assert body["status"] == "Start web"


def test_a_status_poll_costs_two_queries(api, django_assert_num_queries):
    task = make(state="running")
    client = api("viewer")
    client.get(f"/api/tasks/{task.pk}/status")
    with django_assert_num_queries(2):  # the key, the task
        client.get(f"/api/tasks/{task.pk}/status")
