"""A project with a Compose file, through its whole life in Hub: real workers, a real Docker Engine."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path

import pytest

from conftest import PROJECTS_ROOT
from projects import actions
from projects.models import Project, Revision
from projects.observation import project_dict, status_of
from projects.reconcile import reconcile
from projects.remains import remains_of
from projects.tests.engines.compose.test_real_world_files import FILES
from tasks.models import Task

pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def guestbook(tmp_path) -> Path:
    folder = PROJECTS_ROOT / f"guestbook-{tmp_path.name}"
    shutil.copytree(FILES / "web-db-cache", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def finished(workers, eventually, docker_engine):
    """Waits for a task to succeed; whatever a test leaves running is deleted with its data."""
    workers(1)

    def wait(task: Task) -> Task:
        eventually(lambda: Task.objects.get(pk=task.pk).finished_at, 90)
        task = Task.objects.get(pk=task.pk)
        assert task.state == "succeeded", (task.error, task.detail)
        return task

    yield wait
    for project in Project.objects.all():
        for task in Task.objects.filter(subject=project.subject):
            eventually(lambda t=task: Task.objects.get(pk=t.pk).finished_at, 60)
        wait(actions.delete(project, data="remove", confirm=project.name))


def fetch(project: Project, service: str) -> str:
    port = project.leases.get(service=service).host_port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return answer.read().decode()


def test_from_the_file_to_nothing_left(guestbook, finished, docker_engine):
    preview = actions.preview(str(guestbook))
    assert preview.error is None and [service.name for service in preview.definition.services] == ["db", "cache", "web"]
    project = actions.create_project(name="Guestbook", path=str(guestbook), env={"DB_PASSWORD": "very-secret"})
    assert project.engine == "compose"
    task = finished(actions.start(project))
    project.refresh_from_db()
    assert project.state == "running" and fetch(project, "web") == "db-ready\ncache-ready\n"
    assert "Container hub-guestbook-web-1  Started" in {line.text for line in task.log_lines.all()}
    reconcile()
    status = status_of(Project.objects.get(pk=project.pk))
    assert (status["status"], status["health"], status["running_count"]) == ("running", "healthy", 3)
    web = next(one for one in status["services"] if one["name"] == "web")
    assert web["container_id"] and web["port"] == project.leases.get(service="web").host_port
    db = next(one for one in status["services"] if one["name"] == "db")
    assert db["health"] == "healthy" and db["memory"] is not None

    # A secret is in no row as it is; the definition that ran can be had again.
    revision = Revision.objects.get(project=project)
    assert b"very-secret" not in bytes(revision.document) and "very-secret" not in str(revision.definition)

    # A copy beside it has ports, data and a name of its own.
    copy = actions.copy_project(project, name="Second")
    finished(actions.start(copy))
    assert fetch(copy, "web") == fetch(project, "web")
    assert {port["port"] for port in project_dict(project)["ports"]}.isdisjoint(
        {port["port"] for port in project_dict(copy)["ports"]})

    # Removed from outside: seen with its cause; started again by hand.
    docker_engine.client().containers.get("hub-guestbook-cache-1").remove(force=True)
    reconcile()
    project = Project.objects.get(pk=project.pk)
    assert status_of(project)["status"] == "degraded" and "removed from outside" in project.reason
    finished(actions.start(project))
    assert status_of(Project.objects.get(pk=project.pk))["health"] == "healthy"

    # The preview of a delete is what goes; the volume stays unless its name is typed.
    listed = {(one.kind, one.name) for one in remains_of(project)}
    assert ("volume", "hub-guestbook_db-data") in listed and ("container", "hub-guestbook-db-1") in listed
    result = finished(actions.delete(project)).result
    assert result["volumes_kept"] == ["hub-guestbook_db-data"]
    docker_engine.client().volumes.get("hub-guestbook_db-data").remove()


def test_a_failed_start_names_the_cause_and_leaves_nothing(guestbook, finished, eventually, docker_engine):
    (guestbook / "compose.override.yaml").write_text(
        "services: {cache: {command: [sh, -c, 'echo disk is full; exit 9']}}\n")
    project = actions.create_project(name="Broken", path=str(guestbook))
    task = actions.start(project)
    eventually(lambda: Task.objects.get(pk=task.pk).finished_at, 90)
    task.refresh_from_db()
    assert task.state == "failed" and task.error.startswith("cache exited with code 9")
    project.refresh_from_db()
    cache = project.services.get(name="cache")
    assert project.state == "failed" and cache.exit_code == 9 and "disk is full" in cache.last_lines
    assert docker_engine.client().containers.list(all=True, filters={"label": "hub.project=broken"}) == []


def test_a_folder_with_both_files_asks_which(guestbook, docker_engine):
    (guestbook / "Procfile").write_text("web: ./serve --port $PORT\n")
    preview = actions.preview(str(guestbook))
    assert [candidate.engine for candidate in preview.candidates] == ["process", "compose"]
    assert "Say which engine" in preview.error.hint
    assert actions.preview(str(guestbook), "compose").error is None
