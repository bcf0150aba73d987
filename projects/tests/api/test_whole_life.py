"""The main job, from folder to nothing left, by a script that knows only the API: over real HTTP, with real workers,
a real watch, and the example that is shaped like an older hub's instance."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.conf import settings

from accounts.actions import make_key
from conftest import REPOSITORY, process_environment

SERVICES = {"postgres", "redis", "backend", "frontend"}


class Script:
    """A script with a key. Every method returns (status, body)."""

    def __init__(self, address: str, key: str):
        self.address, self.key = address, key

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{self.address}{path}", method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def lives(process: psutil.Process) -> bool:
    """Whether it can still do anything: what is dead may wait for a moment until init has taken note of it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def watch(workers, tmp_path: Path) -> Iterator[None]:
    """A real `manage.py watch`."""
    with (tmp_path / "watch.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, str(REPOSITORY / "manage.py"), "watch"], cwd=REPOSITORY,
                                   env=process_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
    yield
    process.terminate()
    process.wait(10)


@pytest.fixture
def script(live_server, workers, watch, eventually) -> Iterator[Script]:
    workers(2)
    script = Script(live_server.url, make_key("script", "operator")[1])
    yield script
    # Also after a failure: no stack outlives its test.
    tasks = []
    for project in script("GET", "/api/projects")[1]["items"]:
        for task in script("GET", f"/api/tasks?project={project['id']}")[1]["items"]:
            script("DELETE", f"/api/tasks/{task['id']}")
        tasks.append(eventually(lambda p=project["id"]: script("DELETE", f"/api/projects/{p}")[1].get("task_id"), 20))
    for task in tasks:
        eventually(lambda t=task: script("GET", f"/api/tasks/{t}/status")[1]["ready"], 20)


def test_from_a_folder_to_nothing_left(script: Script, eventually):
    def finish(answer: tuple[int, Any]) -> list[float]:
        """Wait as a script written against Celery does; returns the progress that was shown on the way."""
        status, accepted = answer
        assert status == 202, accepted
        shown: list[float] = []

        def ready() -> bool:
            status, body = script("GET", f"/api/tasks/{accepted['task_id']}/status")
            assert status == 200
            if body["progress"] is not None:
                shown.append(body["progress"])
            if not body["ready"]:
                assert body["state"] in ("PENDING", "RUNNING")
                assert body["progress"] is None or body["progress"] < 100
                return False
            assert body["state"] == "SUCCESS", body
            return True

        eventually(ready, 60)
        assert shown == sorted(shown) and shown[-1] == 100
        return shown

    def observed(project: int, status: str, health: str) -> dict[str, Any]:
        def seen() -> dict[str, Any] | None:
            body = script("GET", f"/api/orchestration/{project}/status")[1]
            return body if (body["status"], body["health"]) == (status, health) else None

        return eventually(seen, 10)

    # Register it twice: the second is a copy, with ports of its own.
    status, project = script("POST", "/api/projects", {"name": "Shop", "path": str(settings.HUB_EXAMPLES / "shop")})
    assert status == 201, project
    status, copy = script("POST", f"/api/projects/{project['id']}/copy", {"name": "Shop 2"})
    assert status == 201, copy
    ports = [port["port"] for each in (project, copy) for port in each["ports"]]
    assert len(set(ports)) == 8

    # Start both; each is running and healthy once its task has succeeded.
    both = (project["id"], copy["id"])
    answers = [script("POST", f"/api/orchestration/{each}/start") for each in both]
    for answer in answers:
        finish(answer)
    processes: set[psutil.Process] = set()
    for each in both:
        body = observed(each, "running", "healthy")
        assert {service["name"] for service in body["services"]} == SERVICES
        assert body["running_count"] == body["total_count"] == 4
        assert all(service["state"] == "running" and service["pid"] for service in body["services"])
        processes |= {psutil.Process(service["pid"]) for service in body["services"]}
    assert len(processes) == 8

    # The services answer on the ports that the API names, each through all that it depends on.
    for each in both:
        services = {service["name"]: service
                    for service in script("GET", f"/api/orchestration/{each}/status")[1]["services"]}
        for name in ("frontend", "backend"):
            with urllib.request.urlopen(f"{services[name]['ports'][0]['url']}/health", timeout=10) as response:
                assert response.status == 200

    # What a service says can be read, and read on.
    log = f"/api/projects/{project['id']}/logs/frontend"
    status, body = script("GET", f"{log}?tail=1")
    assert status == 200 and len(body["lines"]) == 1 and body["missed"] is False
    assert (body["service"], body["run"]) == ("frontend", 1)
    assert script("GET", f"{log}?after={body['offset']}")[1]["offset"] >= body["offset"]
    assert script("GET", f"{log}?run=99")[0] == script("GET", f"/api/projects/{project['id']}/logs/x")[0] == 404
    for tail in ("0", "10001", "x"):
        assert script("GET", f"{log}?tail={tail}")[1]["error"]["field"] == "tail"

    # One service restarts; the others, and the copy, are not touched.
    def pids_of(each: int) -> dict[str, int]:
        return {service["name"]: service["pid"]
                for service in script("GET", f"/api/orchestration/{each}/status")[1]["services"]}

    before, beside = pids_of(project["id"]), pids_of(copy["id"])
    finish(script("POST", f"/api/orchestration/{project['id']}/restart/backend"))
    after = pids_of(project["id"])
    assert {name for name in SERVICES if before[name] != after[name]} == {"backend"}
    assert pids_of(copy["id"]) == beside
    processes.add(psutil.Process(after["backend"]))

    # Stopped is stopped: the ports are free and the copy still runs.
    finish(script("POST", f"/api/orchestration/{project['id']}/stop"))
    body = observed(project["id"], "stopped", "none")
    assert {service["state"] for service in body["services"]} == {"stopped"}
    for port in project["ports"]:
        socket.create_server(("127.0.0.1", port["port"])).close()
    assert observed(copy["id"], "running", "healthy")

    # Once Hub has seen a start it can tell how far the next one is.
    shown = finish(script("POST", f"/api/orchestration/{project['id']}/start"))
    assert any(0 < progress < 100 for progress in shown)

    # Deleted is gone, also what runs, with its data where its name was confirmed.
    remains = script("GET", f"/api/projects/{copy['id']}/remains")[1]["items"]
    assert {str(port["port"]) for port in copy["ports"]} <= {remain["name"] for remain in remains}
    finish(script("DELETE", f"/api/projects/{project['id']}"))
    finish(script("DELETE", f"/api/projects/{copy['id']}?data=remove&confirm=Shop+2"))
    assert script("GET", "/api/projects")[1]["items"] == []
    assert script("GET", f"/api/orchestration/{copy['id']}/status")[0] == 404
    assert [process for process in processes if lives(process)] == []
    history = script("GET", f"/api/tasks?project={project['id']}&order=asc")[1]["items"]
    assert [task["job"] for task in history] == ["projects.start", "projects.restart-service", "projects.stop",
                                                 "projects.start", "projects.delete"]
    assert {task["actor"] for task in history} == {"key:script"}


def test_a_start_that_fails_says_which_service_and_why(script: Script, eventually, projects_folder: Path):
    (projects_folder / "Procfile").write_text("web: echo the disk is on fire; exit 3\n")
    project = script("POST", "/api/projects", {"name": "Broken", "path": str(projects_folder)})[1]
    task = script("POST", f"/api/orchestration/{project['id']}/start")[1]["task_id"]
    body = eventually(lambda: (b := script("GET", f"/api/tasks/{task}/status")[1])["ready"] and b, 60)
    assert body["state"] == "FAILURE" and (body["progress"] is None or body["progress"] < 100)
    assert "web" in body["error"] and "3" in body["error"]
    assert script("GET", f"/api/orchestration/{project['id']}/status")[1]["status"] == "failed"
    assert "the disk is on fire" in script("GET", f"/api/projects/{project['id']}/logs/web")[1]["lines"]


def test_a_running_task_is_cancelled(script: Script, eventually):
    status, task = script("POST", "/api/tasks", {"job": "demo.sleep", "params": {"seconds": 60, "steps": 3}})
    assert status == 202
    address = f"/api/tasks/{task['id']}"
    eventually(lambda: script("GET", f"{address}/status")[1]["state"] == "RUNNING", 20)
    assert script("DELETE", address)[0] == 202
    body = eventually(lambda: (b := script("GET", f"{address}/status")[1])["ready"] and b, 20)
    assert body["state"] == "REVOKED"
    attempt = script("GET", address)[1]["attempts"][0]
    assert attempt["outcome"] == "cancelled" and attempt["ended_at"] > attempt["started_at"]
