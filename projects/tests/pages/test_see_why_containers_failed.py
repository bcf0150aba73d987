"""Planted faults of real containers: each is named at the top of the page, with the failing line and what to do."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings

from projects import actions
from projects.engines.compose import problems
from projects.models import Project
from projects.states import ProjectState
from projects.tests.docker_engine import BUSYBOX, DockerEngine
from projects.tests.engines.processes_seen import until
from projects.tests.pages.test_see_why_it_failed import top
from projects.tests.stack_tasks import done
from tasks.models import Task

pytestmark = [
    pytest.mark.xdist_group("docker"), pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_server", "docker_engine"),
]

NOBODY = 65534
GOOD = f"services:\n  web:\n    image: {BUSYBOX}\n    init: true\n    command: [sleep, '1000']\n"


@pytest.fixture
def project(tmp_path) -> Iterator[Project]:
    """A project in order, registered before the fault comes."""
    folder = settings.HUB_PROJECTS_ROOT / f"planted-{tmp_path.name}"
    folder.mkdir()
    (folder / "compose.yaml").write_text(GOOD + "    ports: ['80']\n")
    yield actions.create_project(name="Planted", path=str(folder))
    task = done(actions.delete(Project.objects.get(), data="remove", confirm="Planted"))
    assert task.state == "succeeded", task.error
    shutil.rmtree(folder)


def taken(project: Project, docker: DockerEngine, _: pytest.MonkeyPatch) -> AbstractContextManager:
    return socket.create_server(("127.0.0.1", project.leases.get().host_port))


def full(project: Project, docker: DockerEngine, patch: pytest.MonkeyPatch) -> AbstractContextManager:
    patch.setattr(problems, "LEAST_BYTES", 10**18)
    return nullcontext()


@contextmanager
def ends(project: Project, docker: DockerEngine, _: pytest.MonkeyPatch) -> Iterator[None]:
    """Docker ends as soon as the container runs: the start waits for its health check then."""
    def end() -> None:
        client = docker.client()
        until(lambda: client.containers.list(filters={"label": f"hub.project={project.slug}"}), 60, "it runs")
        client.close()
        docker.stop()

    thread = threading.Thread(target=end)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        docker.start()


@contextmanager
def anothers(project: Project, docker: DockerEngine, _: pytest.MonkeyPatch) -> Iterator[None]:
    """Docker's socket is another user's alone."""
    os.chown(docker.socket, NOBODY, NOBODY)
    docker.socket.chmod(0o600)
    try:
        yield
    finally:
        os.chown(docker.socket, 0, 0)


def here(project: Project, _: pytest.FixtureRequest) -> Task:
    """The start, run in this process."""
    return done(actions.start(project))


def without_rights(project: Project, request: pytest.FixtureRequest) -> Task:
    """The start, run by a worker that may use its own files and nobody else's: the kernel gives it no right of root."""
    request.getfixturevalue("workers")(1, before=("setpriv", "--inh-caps=-all", "--bounding-set=-all"))
    task = actions.start(project)
    until(lambda: Task.objects.filter(pk=task.pk, finished_at__isnull=False).exists(), 60, "the start ends")
    return Task.objects.get(pk=task.pk)


@dataclass
class Fault:
    """`words` are what the top of the page says. `while_`: what is so during the start; `start`: who does it."""

    words: list[str]
    compose: str = GOOD
    files: dict[str, str] = field(default_factory=dict)
    while_: Callable[..., AbstractContextManager] = lambda *_: nullcontext()
    start: Callable[[Project, pytest.FixtureRequest], Task] = here


WAITS = GOOD + "    healthcheck: {test: 'false', interval: 1s, retries: 1000}\n"
FAULTS = {
    "port taken": Fault(["Port", "of web is held by", "Stop that process, or lease another port"],
                        GOOD + "    ports: ['80']\n", while_=taken),
    "missing variable": Fault(["compose.yaml, line 6", "LEDGER_URL is not set: ask the team", "Set LEDGER_URL"],
                              GOOD + "    environment: {A: '${LEDGER_URL:?ask the team}'}\n"),
    "bad YAML": Fault(["compose.yaml, line 6"], GOOD + "\tports: []\n"),
    "missing image": Fault(["The image localhost:9/nobody/nothing:7 of web is not here", "compose.yaml, line 2",
                            "docker login"], GOOD.replace(BUSYBOX, "localhost:9/nobody/nothing:7")),
    "failing build step": Fault(["The image of web could not be built", "RUN echo no room for it; exit 7",
                                 "exited with code 7", "Dockerfile, line 2", "no room for it"],
                                GOOD.replace(f"image: {BUSYBOX}", "build: ."),
                                {"Dockerfile": f"FROM {BUSYBOX}\nRUN echo no room for it; exit 7\n"}),
    "failing health check": Fault(["its health check fails", "no table", "compose.yaml, line 2", "Run the check"],
                                  GOOD + "    healthcheck: {test: 'echo no table; exit 1', interval: 0.3s, "
                                         "retries: 2}\n"),
    "out of memory": Fault(["went over its memory limit of 16 MB", "compose.yaml, line 2", "Raise its mem_limit"],
                           GOOD.replace("[sleep, '1000']", "[sh, -c, 'tail -c 200000000 /dev/zero']")
                           + "    mem_limit: 16m\n    healthcheck: {test: 'true', interval: 30s}\n"),
    "disk bound": Fault(["are free where Docker keeps its data", "docker system prune"], while_=full),
    "Docker stopped mid-way": Fault(["Docker does not answer", "Start it"], WAITS, while_=ends),
    "permission": Fault(["The user that runs Hub may not use Docker", "docker.sock",
                         "Add that user to the group docker"], while_=anothers, start=without_rights),
    "permission in a container": Fault(["exited with code", "Permission denied", "compose.yaml, line 2",
                                        "It may not use something", "change its rights"],
                                       GOOD.replace("[sleep, '1000']", "[sh, -c, 'echo x > /etc/locked']")
                                       + "    user: '65534'\n"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_line_and_what_to_do(name, project, docker_engine, monkeypatch, request):
    fault, folder = FAULTS[name], Path(project.path)
    for file, text in {"compose.yaml": fault.compose, **fault.files}.items():
        (folder / file).write_text(text)
    with monkeypatch.context() as patch, fault.while_(project, docker_engine, patch):
        assert fault.start(project, request).state == "failed"
    project.refresh_from_db()
    assert project.state == ProjectState.FAILED
    text = top(project)
    assert "Probably: Memory ran out" not in text, "no cause is made up"
    for word in fault.words:
        assert word in text, f"{word!r} is not in: {text}"
