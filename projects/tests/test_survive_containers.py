"""Docker is stopped in the middle of a start of containers: the task says so, and the next start works."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from projects import actions
from projects.binding import home_of
from projects.models import Project
from projects.states import ProjectState
from projects.tests.docker_engine import DockerEngine
from projects.tests.engines.processes_seen import until
from projects.tests.stack_tasks import done
from tasks.models import Task
from tasks.states import TaskState

pytestmark = [
    pytest.mark.xdist_group("docker"), pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_server", "docker_engine"),
]

ENDS_WITHIN = 15.0
# Compose is busy until db is healthy, Hub until web is.
COMPOSE = """
services:
  db:
    image: hub-test/busybox:1
    init: true
    command: [sleep, "1000"]
    healthcheck: {test: [CMD, test, -e, /gate/db], interval: 0.3s, timeout: 2s, retries: 1000}
    volumes: [./gate:/gate:ro]
  web:
    build: .
    init: true
    depends_on: {db: {condition: service_healthy}}
    command: [sleep, "1000"]
    healthcheck: {test: [CMD, test, -e, /gate/web], interval: 0.3s, timeout: 2s, retries: 1000}
    volumes: [./gate:/gate:ro]
"""
DOCKERFILE = "FROM hub-test/busybox:1\nRUN echo {word} && sleep 4\n"


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    folder = settings.HUB_PROJECTS_ROOT / f"survive-{tmp_path.name}"
    (folder / "gate").mkdir(parents=True)
    (folder / "compose.yaml").write_text(COMPOSE)
    (folder / "Dockerfile").write_text(DOCKERFILE.format(word=tmp_path.name))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def project(folder) -> Iterator[Project]:
    project = actions.create_project(name="Survivor", path=str(folder))
    yield project
    task = done(actions.delete(project, data="remove", confirm=project.name))
    assert task.state == TaskState.SUCCEEDED, task.error


def copies(docker_engine: DockerEngine, project: Project) -> dict[str, int]:
    """How many containers each service has."""
    client = docker_engine.client()
    try:
        found = client.api.containers(all=True, filters={"label": f"hub.project={project.slug}"})
    finally:
        client.close()
    return dict(Counter(one["Labels"]["com.docker.compose.service"] for one in found))


@pytest.mark.parametrize("stage", ["build", "create", "ready"])
def test_docker_stopped_in_the_middle_of_a_start(project, folder, docker_engine, stage):
    """The task ends soon and says so; with Docker back the next start works."""
    if stage == "ready":
        (folder / "gate" / "db").touch()
    if stage != "build":
        (folder / "Dockerfile").write_text(f"FROM hub-test/busybox:1\nRUN echo {folder}\n")
    task = actions.start(project)
    stopped: list[float] = []

    def stop() -> None:
        def reached() -> bool:
            if stage == "build":
                return (home_of(project.slug) / "run" / "compose-command.json").exists()
            return {"create": "db", "ready": "web"}[stage] in copies(docker_engine, project)

        until(reached, 40, "the stage is reached")
        stopped.append(time.monotonic())
        docker_engine.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        task = done(Task.objects.get(pk=task.pk))
        ended = time.monotonic()
    finally:
        thread.join()
        docker_engine.start()
    assert stopped and ended - stopped[0] < ENDS_WITHIN
    assert task.state == TaskState.FAILED
    assert task.error.startswith("Docker does not answer"), task.error
    assert "Start it (systemctl start docker)" in task.detail
    project.refresh_from_db()
    assert project.state == ProjectState.FAILED
    for name in ("db", "web"):
        (folder / "gate" / name).touch()
    task = done(actions.start(project))
    assert task.state == TaskState.SUCCEEDED, task.error
    assert copies(docker_engine, project) == {"db": 1, "web": 1}
