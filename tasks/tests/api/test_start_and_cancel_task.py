"""Start a task of a startable job, and cancel one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tests.api_client import error_of
from tasks.models import Task

pytestmark = pytest.mark.django_db

START = {"job": "demo.sleep", "params": {"seconds": 1}}


def test_a_started_task_is_accepted_with_what_was_asked(api):
    run_at = (timezone.now() + timedelta(hours=1)).replace(microsecond=0)
    body = START | {"priority": 9, "lane": "reports", "run_at": run_at.isoformat()}
    response = api("operator").post("/api/tasks", body)
    assert response.status_code == 202, response.content
    task = response.json()
    assert (task["job"], task["params"], task["priority"], task["lane"]) == (
        "demo.sleep", {"seconds": 1}, 9, "reports")
    assert task["state"] == "scheduled" and task["actor"] == "key:operator of a test"
    assert task["run_at"] == run_at.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    assert task["correlation_id"] == response["X-Correlation-ID"]
    assert Task.objects.get().pk.hex == task["id"].replace("-", "")


@pytest.mark.parametrize(("fields", "field"), [
    ({"job": "no.such"}, "job"), ({"job": "projects.start"}, "job"), ({"job": 1}, "job"), ({"job": ""}, "job"),
    ({"params": []}, "params"), ({"params": {"seconds": "x" * 300_000}}, "params"),
    ({"priority": 0}, "priority"), ({"priority": 11}, "priority"), ({"priority": "5"}, "priority"),
    ({"priority": True}, "priority"), ({"lane": "fast"}, "lane"), ({"lane": 1}, "lane"),
    ({"run_at": "tomorrow"}, "run_at"), ({"run_at": 4102444800}, "run_at"), ({"run_at": "4102444800"}, "run_at"),
    ({"run_at": 4102444800.5}, "run_at"), ({"run_at": True}, "run_at"), ({"run_at": "2100-01-01"}, "run_at"),
    ({"depends_on": "x"}, "depends_on"), ({"depends_on": [7]}, "depends_on.0"),
    ({"unless_succeeded": "x"}, "unless_succeeded"), ({"run_at": "2026-11-22T15:00:00"}, "run_at"),
    ({"state": "queued"}, "state"),
])
def test_bad_input_is_422_names_its_field_and_starts_nothing(api, fields, field):
    assert error_of(api("operator").post("/api/tasks", START | fields), 422)["field"] == field
    assert not Task.objects.exists()


def test_a_waiting_task_is_cancelled_once(api):
    client = api("operator")
    task = client.post("/api/tasks", START).json()
    response = client.delete(f"/api/tasks/{task['id']}")
    assert response.status_code == 202, response.content
    assert response.json()["state"] == "cancelled"
    assert client.get(f"/api/tasks/{task['id']}/status").json()["state"] == "REVOKED"
    assert error_of(client.delete(f"/api/tasks/{task['id']}"), 409)["code"] == "conflict"


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_task_that_has_ended_cannot_be_cancelled(api, state):
    task = Task.objects.create(job="demo.sleep", title="Sleep", actor="test", state=state)
    error_of(api("operator").delete(f"/api/tasks/{task.pk}"), 409)
    assert Task.objects.get().state == state


def test_an_unknown_task_cannot_be_cancelled(api):
    error_of(api("operator").delete("/api/tasks/01890000-0000-7000-8000-000000000000"), 404)
