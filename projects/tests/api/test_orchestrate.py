"""Start, stop and restart: one task at a time on each project, and what was observed."""

import pytest
from django.utils import timezone

from accounts.tests.api_client import error_of
from projects.models import Project, Service
from tasks.models import Task

pytestmark = pytest.mark.django_db

STATUS = {"status", "health", "observed_at", "reason", "services", "running_count", "total_count"}
SERVICE = {"name", "state", "health", "port", "ports", "pid", "container_id", "restarts", "exit_code", "signal",
           "started_at", "kind", "instances"}


@pytest.fixture
def project(api, projects_folder) -> int:
    body = {"name": "Shop", "path": str(projects_folder)}
    return api("operator").post("/api/projects", body).json()["id"]


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_the_answer_names_the_task(api, project, verb):
    response = api("operator").post(f"/api/orchestration/{project}/{verb}")
    assert response.status_code == 202, response.content
    body = response.json()
    assert set(body) == {"task_id", "status", "message"}
    assert body["status"] == "queued" and "Shop" in body["message"]
    task = Task.objects.get(pk=body["task_id"])
    assert (task.subject, task.actor) == (f"projects.project:{project}", "key:operator of a test")
    assert str(task.correlation_id) == response["X-Correlation-ID"]
    items = api("viewer").get(f"/api/tasks?project={project}").json()["items"]
    assert [(item["id"], item["project"]) for item in items] == [(body["task_id"], project)]


def test_the_same_request_twice_is_one_task_and_another_is_409(api, project):
    client = api("operator")
    first = client.post(f"/api/orchestration/{project}/start").json()
    again = client.post(f"/api/orchestration/{project}/start")
    assert (again.status_code, again.json()["task_id"]) == (202, first["task_id"])
    for response in (client.post(f"/api/orchestration/{project}/stop"),
                     client.post(f"/api/orchestration/{project}/restart"),
                     client.post(f"/api/orchestration/{project}/restart/web"),
                     client.delete(f"/api/projects/{project}")):
        assert "Shop" in error_of(response, 409)["message"]
    assert Task.objects.count() == 1
    assert client.delete(f"/api/tasks/{first['task_id']}").status_code == 202
    assert client.post(f"/api/orchestration/{project}/stop").status_code == 202


def test_a_delete_is_accepted_with_its_task(api, project):
    response = api("operator").delete(f"/api/projects/{project}?data=remove&confirm=Shop")
    assert response.status_code == 202, response.content
    assert Task.objects.get(pk=response.json()["task_id"]).params["data"] == "remove"


def test_a_service_can_only_be_restarted_where_there_is_one_and_it_runs(api, project):
    client = api("operator")
    assert "nothing" in error_of(client.post(f"/api/orchestration/{project}/restart/nothing"), 404)["message"]
    error_of(client.post(f"/api/orchestration/{project}/restart/web"), 409)
    error_of(client.post(f"/api/orchestration/{project}/restart/a/b"), 404)


@pytest.mark.parametrize(("method", "rest"), [
    ("post", "start"), ("post", "stop"), ("post", "restart"), ("post", "restart/web"), ("get", "status"),
])
def test_an_unknown_project_is_404(api, method, rest):
    assert "999" in error_of(getattr(api("operator"), method)(f"/api/orchestration/999/{rest}"), 404)["message"]


def test_the_status_has_every_field_of_the_contract(api, project):
    body = api("viewer").get(f"/api/orchestration/{project}/status").json()
    assert set(body) == STATUS
    assert (body["status"], body["health"], body["running_count"], body["total_count"]) == ("stopped", "none", 0, 1)
    (service,) = body["services"]
    assert set(service) >= SERVICE
    assert (service["name"], service["state"], service["kind"]) == ("web", "stopped", "service")
    (port,) = service["ports"]
    assert set(port) == {"container", "protocol", "host", "url"} and port["host"] == service["port"]


def test_the_status_shows_what_was_observed(api, project):
    now = timezone.now()
    Project.objects.filter(pk=project).update(state="running", observed_at=now, reason="web exited with code 1.")
    Service.objects.filter(project=project).update(
        state="failed", pid=None, exit_code=1, restarts=5, started_at=now,
        instances=[{"name": "web", "state": "failed", "health": "none", "pid": None, "restarts": 5, "exit_code": 1,
                    "signal": "", "reason": "", "started_at": now.isoformat()}],
    )
    body = api("viewer").get(f"/api/orchestration/{project}/status").json()
    assert (body["status"], body["health"], body["reason"]) == ("degraded", "unhealthy", "web exited with code 1.")
    (service,) = body["services"]
    assert (service["exit_code"], service["signal"], service["restarts"]) == (1, None, 5)
    assert service["started_at"] == service["instances"][0]["started_at"] == body["observed_at"]
    assert body["observed_at"].endswith("Z")
