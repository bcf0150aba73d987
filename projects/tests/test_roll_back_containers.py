"""Somebody goes back to the containers that ran before, or Hub does when a start fails: image digests, data, causes."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from projects import actions, comparison, revisions
from projects.binding import engine_of, running_stack
from projects.models import Project
from projects.observation import status_of
from projects.states import ProjectState
from projects.tests.engines.processes_seen import until
from projects.tests.stack_tasks import done, started
from tasks import actions as task_actions
from tasks.states import TaskState

pytestmark = [
    pytest.mark.xdist_group("docker"), pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_server", "docker_engine"),
]

COMPOSE = """
services:
  web:
    build: .
    init: true
    ports: ["80"]
    volumes: ["records:/www/records"]
    healthcheck: {test: [CMD, /bin/sh, /check], interval: 0.3s, timeout: 2s, retries: 2}
volumes: {records: {}}
"""
HEALTHY = "wget -q -O - http://127.0.0.1/"
SICK = "echo the ledger is locked; exit 1"


def dockerfile(folder: Path, colour: str, check: str = HEALTHY) -> None:
    """An image that answers with that colour."""
    (folder / "check").write_text(check + "\n")
    (folder / "Dockerfile").write_text(
        "FROM hub-test/busybox:1\nCOPY check /check\n"
        f'RUN echo {colour} > /www/index.html\nCMD ["httpd", "-f", "-p", "80", "-h", "/www"]\n'
    )


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    folder = settings.HUB_PROJECTS_ROOT / f"colours-{tmp_path.name}"
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    dockerfile(folder, "green")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def project(folder) -> Iterator[Project]:
    yield started(actions.create_project(name="Colours", path=str(folder)))
    for one in Project.objects.all():
        task = done(actions.delete(one, data="remove", confirm=one.name))
        assert task.state == TaskState.SUCCEEDED, task.error


def ask(project: Project, path: str = "") -> str:
    port = project.leases.get().host_port
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
            return answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return str(error.code)


def container(docker_engine, project: Project):
    (found,) = docker_engine.client().containers.list(all=True, filters={"label": f"hub.project={project.slug}"})
    return found


def keep(docker_engine, project: Project, text: str) -> None:
    code, said = container(docker_engine, project).exec_run(["sh", "-c", f"echo {text} > /www/records/kept"])
    assert code == 0, said


def image_of(docker_engine, project: Project) -> str:
    return container(docker_engine, project).image.id


def test_an_image_that_fails_its_health_gate_returns_to_the_one_that_was_good(project, folder, docker_engine):
    """Only the image changed: the Compose file is the same."""
    actions.update_project(project, return_to_good=True)
    good = image_of(docker_engine, project)
    done(actions.stop(project))
    dockerfile(folder, "red", SICK)
    task = done(actions.start(project))
    project.refresh_from_db()
    assert task.state == TaskState.FAILED
    assert task.error.startswith("web runs, but its health check fails: the ledger is locked")
    assert task.error.endswith("Hub returned to revision 1, which runs now.")
    assert project.state == ProjectState.RUNNING and ask(project) == "green"
    assert image_of(docker_engine, project) == good
    newest, failed, first = project.revisions.all()
    assert (newest.restored, newest.started_ok, newest.images) == (1, True, first.images)
    assert failed.started_ok is False and failed.images["web"] != first.images["web"]

    # The same over what runs: its end was no failure of the start, and it comes back.
    dockerfile(folder, "blue", SICK)
    (folder / "compose.yaml").write_text(COMPOSE + "x-changed: true\n")
    task = done(actions.start(project))
    project.refresh_from_db()
    assert task.error.startswith("web runs, but its health check fails") and "which runs now" in task.error
    assert project.state == ProjectState.RUNNING and ask(project) == "green"
    # A build that fails leaves no image to compare.
    (folder / "Dockerfile").write_text("FROM hub-test/busybox:1\nRUN exit 3\n")
    done(actions.stop(project))
    task = done(actions.start(project))
    assert "could not be built" in task.error and "which runs now" in task.error
    assert image_of(docker_engine, project) == good
    assert status_of(Project.objects.get(pk=project.pk))["health"] == "healthy"


def test_by_hand_to_a_kept_revision_with_its_image_and_never_with_its_data(project, folder, docker_engine):
    first = image_of(docker_engine, project)
    keep(docker_engine, project, "treasure")
    done(actions.stop(project))
    started(project)
    assert ask(project, "records/kept") == "treasure", "after a stop and a start"
    dockerfile(folder, "red")
    assert done(actions.restart(project)).state == TaskState.SUCCEEDED
    assert (ask(project), ask(project, "records/kept")) == ("red", "treasure")
    dockerfile(folder, "blue")
    (folder / "compose.yaml").write_text(COMPOSE.replace("init: true", "init: true\n    environment: {SHADE: dark}"))
    started(project)
    assert (ask(project), ask(project, "records/kept")) == ("blue", "treasure"), "a new image over a running one"
    assert done(actions.roll_back(project, 1)).state == TaskState.SUCCEEDED
    assert (ask(project), ask(project, "records/kept")) == ("green", "treasure")
    assert image_of(docker_engine, project) == first

    done(actions.stop(project))
    project.refresh_from_db()
    copy = actions.copy_project(project, name="With treasure", with_data=True)
    task = done(task_actions.active_on(copy.subject))
    assert task.state == TaskState.SUCCEEDED, task.error
    started(copy)
    assert ask(copy, "records/kept") == "treasure"
    keep(docker_engine, copy, "other")
    started(project)
    assert (ask(copy, "records/kept"), ask(project, "records/kept")) == ("other", "treasure"), "the copy has its own"


def test_a_revision_whose_image_is_gone_is_refused_before_anything_stops(project, folder, docker_engine):
    actions.update_project(project, return_to_good=True)
    dockerfile(folder, "red")
    assert done(actions.restart(project)).state == TaskState.SUCCEEDED
    docker_engine.client().images.remove(project.revisions.get(number=1).images["web"])
    before = container(docker_engine, project)
    task = done(actions.roll_back(project, 1))
    assert task.state == TaskState.FAILED
    assert task.error.startswith("The image that web ran in this revision is not on the Docker host any more")
    assert "Somebody removed it" in task.detail
    project.refresh_from_db()
    assert project.state == ProjectState.RUNNING and ask(project) == "red"
    now = container(docker_engine, project)
    assert (now.id, now.attrs["State"]["StartedAt"]) == (before.id, before.attrs["State"]["StartedAt"])
    stack = running_stack(project)
    assert stack.revision == 2, "what runs is what was started last"
    assert engine_of(project).status(stack).services[0].instances[0].state == "running"
    assert done(actions.roll_back(project, 2)).state == TaskState.SUCCEEDED
    until(lambda: ask(project) == "red", 5, "it answers")


def test_images_stay_as_long_as_a_revision_that_ran_them(project, folder, docker_engine, monkeypatch):
    def tags() -> set[str]:
        found = docker_engine.client().images.list(filters={"label": f"hub.project={project.slug}"})
        return {tag.rpartition(":")[2] for image in found for tag in image.tags}

    monkeypatch.setattr(revisions, "KEPT", 2)
    for number, colour in enumerate(("red", "blue"), start=2):
        dockerfile(folder, colour)
        started(project)
        # The newest two, and the last that was good.
        assert tags() == {f"r{one}" for one in (1, 2, 3) if number - 1 <= one <= number}
    assert [one.number for one in project.revisions.all()] == [3, 2]
    assert done(actions.roll_back(project, 2)).state == TaskState.SUCCEEDED
    assert ask(project) == "red"


def test_a_start_over_what_runs_builds_again_what_its_files_changed(project, folder, docker_engine):
    first = container(docker_engine, project).id
    (folder / ".dockerignore").write_text("notes\n")
    started(project)
    now = container(docker_engine, project).id
    assert now != first, "the .dockerignore is new"
    (folder / "notes").write_text("not part of the image")
    started(project)
    assert container(docker_engine, project).id == now and project.revisions.count() == 2, "nothing to build again"
    dockerfile(folder, "red")
    running, folder_now = comparison.of_revision(project.revisions.first()), comparison.of_folder(project)
    assert [one.name for one in comparison.differences(running, folder_now)] == ["web: files of its image"]
    started(project)
    assert ask(project) == "red" and project.revisions.count() == 3
    assert comparison.differences(comparison.of_revision(project.revisions.first()),
                                  comparison.of_folder(project)) == []
