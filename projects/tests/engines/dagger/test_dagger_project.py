"""Somebody adds a folder to be built by Dagger, builds it, starts it, and is told when it cannot be built."""

from __future__ import annotations

import re
import shutil

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.tests.people import signed_in
from projects import actions
from projects.binding import engine_of, home_of, running_stack
from projects.engines.dagger.access import CLI_VARIABLE
from projects.engines.process.processes import environment_of, table
from projects.errors import ProjectError
from projects.tests.engines.dagger.fake_cli import double_cli, script
from projects.tests.engines.processes_seen import until
from projects.tests.stack_tasks import done, down, folder_of, started

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_server"),
              pytest.mark.xdist_group("docker")]

COMPOSE = """
services:
  web:
    build: .
    command: [sh, -c, "mkdir -p /www && cp /made /www/index.html && httpd -f -p 8000 -h /www"]
    init: true
    ports: ["8000"]
"""


@pytest.fixture
def folder(root, docker_engine):
    path = settings.HUB_PROJECTS_ROOT / "baked"
    path.mkdir()
    (path / "root.tar").write_bytes(root)
    (path / "compose.yaml").write_text(COMPOSE)
    (path / "Dockerfile").write_text("FROM scratch\nADD root.tar /\nRUN echo baked by dagger > /made\n")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def project(folder, tmp_path, monkeypatch):
    monkeypatch.setenv(CLI_VARIABLE, str(double_cli(tmp_path, docker=True)))
    project = actions.create_project(name="Baked", path=str(folder), engine="dagger")
    yield project
    down(project)
    engine_of(project).remove(running_stack(project))
    shutil.rmtree(home_of(project.slug), ignore_errors=True)


def test_it_is_built_started_and_seen(project, docker_engine):
    task = done(actions.build(project))
    assert (task.state, task.result) == ("succeeded", {"images": ["web"]}), task.error
    assert [step["key"] for step in task.steps] == ["check", "dagger", "read:web", "build:web", "export:web"]
    client = docker_engine.client()
    assert client.images.get("hub-baked-web:latest")
    project.refresh_from_db()
    assert project.state == "stopped"
    assert not project.revisions.exists()
    started(project)
    (container,) = client.containers.list(filters={"label": f"hub.project={project.slug}"})
    assert "hub-baked-web:r1" in container.image.tags
    said = container.exec_run(["wget", "-q", "-O", "-", "http://127.0.0.1:8000/"]).output
    assert said == b"baked by dagger\n"
    client.close()


def test_by_hand_to_a_kept_revision_with_the_image_that_dagger_built_then(project, folder, docker_engine):
    def served() -> tuple[str, bytes]:
        client = docker_engine.client()
        (one,) = client.containers.list(filters={"label": f"hub.project={project.slug}"})
        found = one.image.id, one.exec_run(["cat", "/made"]).output
        client.close()
        return found

    started(project)
    first = served()
    (folder / "Dockerfile").write_text("FROM scratch\nADD root.tar /\nRUN echo baked twice > /made\n")
    assert done(actions.restart(project)).state == "succeeded"
    assert served()[1] == b"baked twice\n"
    task = done(actions.roll_back(project, 1))
    assert task.state == "succeeded", task.error
    assert served() == first and first[1] == b"baked by dagger\n"
    assert "build:web" not in {step["key"] for step in task.steps}, "nothing is built again"


def test_a_build_that_fails_leaves_the_project_as_it_is(project, folder):
    (folder / "Dockerfile").write_text("FROM scratch\nADD root.tar /\nRUN exit 9\n")
    task = done(actions.build(project))
    assert task.state == "failed"
    assert task.error == "web: its build failed (Dockerfile, line 3): exit 9 exited with code 9."
    project.refresh_from_db()
    assert project.state == "stopped"
    assert done(actions.start(project)).error == task.error
    project.refresh_from_db()
    assert (project.state, project.reason) == ("failed", task.error)


def test_a_machine_without_dagger_is_told_in_the_preview_and_at_the_start(project, folder, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv(CLI_VARIABLE, str(script(other, "exit 1", version="exit 1")))
    page = signed_in("operator").get(reverse("projects:preview"), {"path": str(folder), "engine": "dagger"})
    assert "No Dagger engine can be had" in page.content.decode()
    assert "No Dagger engine can be had" in done(actions.start(project)).error


def test_the_add_page_offers_dagger_for_what_builds(folder, db):
    operator = signed_in("operator")
    page = operator.get(reverse("projects:preview"), {"path": str(folder)}).content.decode()
    assert re.search(r'value="compose"\s+checked', page)
    assert 'value="dagger"' in page
    assert "1 service, 1 image built by Dagger" in page
    (folder / "compose.yaml").write_text("services:\n  db: {image: postgres}\n")
    page = operator.get(reverse("projects:preview"), {"path": str(folder)}).content.decode()
    assert 'value="dagger"' not in page


def test_the_page_builds_by_a_button_that_others_do_not_have(project):
    operator = signed_in("operator")
    page = operator.get(reverse("projects:detail", args=[project.pk])).content.decode()
    assert reverse("projects:build", args=[project.pk]) in page
    answer = operator.post(reverse("projects:build", args=[project.pk]))
    assert answer.status_code == 302
    page = operator.get(reverse("projects:detail", args=[project.pk])).content.decode()
    assert "Build the images of Baked" in page or "act-cancel" in page
    assert 'id="act-build"' not in page
    assert signed_in("viewer").post(reverse("projects:build", args=[project.pk])).status_code == 403
    plain = actions.create_project(name="Plain", path=str(folder_of("plain", "web: sleep 100\n")))
    assert 'id="act-build"' not in operator.get(reverse("projects:detail", args=[plain.pk])).content.decode()
    assert operator.post(reverse("projects:build", args=[plain.pk])).status_code == 409


def test_the_api_builds_too(project, api):
    answer = api("operator").post(f"/api/orchestration/{project.pk}/build")
    assert answer.status_code == 202
    assert answer.json()["task_id"]
    plain = actions.create_project(name="Plain", path=str(folder_of("plain", "web: sleep 100\n")))
    refused = api("operator").post(f"/api/orchestration/{plain.pk}/build")
    assert refused.status_code == 409
    with pytest.raises(ProjectError):
        actions.build(plain)


def test_a_worker_that_is_killed_while_it_builds_leaves_no_process(project, workers, tmp_path):
    record = tmp_path / "asked.jsonl"
    cli = double_cli(tmp_path, stuck_at="Container.sync", record=str(record))
    (worker,) = workers(environ={CLI_VARIABLE: str(cli), "DAGGER_TEST_MARK": str(tmp_path)})
    actions.start(project)
    until(lambda: record.exists() and "Container.sync" in record.read_text(), 60, "the build has begun")

    def alive() -> list[str]:
        return [stat.name for stat in table().values()
                if stat.alive and environment_of(stat.pid).get("DAGGER_TEST_MARK") == str(tmp_path)]

    assert len(alive()) >= 4  # worker, work horse, builder, session
    worker.kill()
    until(lambda: alive() == [], 10, "work horse, builder and session have ended")
