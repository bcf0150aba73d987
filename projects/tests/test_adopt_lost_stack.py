"""The database was lost, or an older one was put back: what Hub had started runs on, and becomes a project again."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from accounts.tests.people import signed_in
from projects import actions, adoption, environment
from projects.binding import engine_of, home_of, running_stack
from projects.errors import ProjectError
from projects.models import Project, Revision, Service
from projects.observation import status_of
from projects.reconcile import reconcile
from projects.tests.docker_engine import BUSYBOX
from projects.tests.engines.processes_seen import until
from projects.tests.stack_tasks import SERVE, done, down, folder_of, pids_of, started

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_server")]

PROCFILE = f"""web: {SERVE}
api: {SERVE}
worker: echo "works for $CUSTOMER"; sleep 1000
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = folder_of(f"lost-{secrets.token_hex(3)}", PROCFILE)
    (folder / ".env").write_text("GREETING=hello\n")
    (folder / ".foreman").write_text("formation: all=1,api=2\n")
    yield folder
    for project in Project.objects.all():
        down(project)
        shutil.rmtree(home_of(project.slug))
    shutil.rmtree(folder)


def lost(project: Project) -> None:
    """Everything that the database says of a project is gone; nothing else is."""
    Project.objects.filter(pk=project.pk).delete()


def test_processes_run_on_with_their_supervisor_ports_and_run_folder(folder):
    own = {"CUSTOMER": "ann", "GREETING": "hi"}
    project = started(actions.create_project(name="Lost one", path=str(folder), env=own))
    slug, pids = project.slug, pids_of(project)
    ports = sorted(project.leases.values_list("service", "instance", "container_port", "host_port"))
    supervisor = (home_of(slug) / "run" / "lock").read_text()
    assert adoption.survey().found == [], "what has its entry is not offered"
    lost(project)

    row = next(one for one in adoption.survey().found if one.engine == "process")
    assert (row.key, row.path, row.runs, row.error) == (f"process/{slug}", str(folder), True, None)
    assert row.services == ["api", "web", "worker"] and row.ports == sorted(port for *_, port in ports)
    again = adoption.adopt(row.key, name="Found again")
    assert (again.slug, again.name, again.state, again.desired) == (slug, "Found again", "running", "running")
    assert sorted(again.leases.values_list("service", "instance", "container_port", "host_port")) == ports
    assert environment.load(again) == own
    reconcile()
    assert status_of(Project.objects.get(pk=again.pk))["status"] == "running"

    # Not one process is another one, neither now nor after a start over what runs.
    assert pids_of(again) == pids and (home_of(slug) / "run" / "lock").read_text() == supervisor
    started(again)
    assert pids_of(again) == pids and again.revisions.count() == 1
    assert adoption.survey().found == []
    with pytest.raises(ProjectError, match="registered already, as Found again"):
        adoption.adopt(row.key)
    with pytest.raises(ProjectError, match="Nothing named 'process/nobody'"):
        adoption.adopt("process/nobody")
    # It is operated like any other.
    task = done(actions.restart_service(again, "worker"))
    assert task.state == "succeeded", task.error
    now = pids_of(again)
    assert now["web"] == pids["web"] and now["worker"] != pids["worker"]
    assert done(actions.stop(Project.objects.get(pk=again.pk))).state == "succeeded"
    assert pids_of(again) == {}


def test_a_dead_supervisor_is_brought_back_and_a_changed_folder_is_refused(folder):
    project = started(actions.create_project(name="Orphan", path=str(folder)))
    slug, pids = project.slug, pids_of(project)
    watcher = int((home_of(slug) / "run" / "lock").read_text().split()[0])
    os.kill(watcher, 9)
    until(lambda: not running(watcher), 5, "the supervisor is gone")
    lost(project)
    key = f"process/{slug}"
    (folder / "Procfile").write_text(PROCFILE.replace("worker:", "drone:"))
    with pytest.raises(ProjectError, match=r"worker of .* runs, but is not in its files"):
        adoption.adopt(key)
    assert not Project.objects.exists() and not Service.objects.exists() and not Revision.objects.exists()
    (folder / "Procfile").write_text(PROCFILE)
    page = signed_in("operator").post(reverse("projects:adopt"), {"adopt": key})
    again = Project.objects.get()
    assert page.status_code == 302 and again.slug == slug
    reconcile()
    until(lambda: engine_of(again).status(running_stack(again)).supervised, 10, "it is watched again")
    assert pids_of(again) == pids


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").exists() and ") Z " not in Path(f"/proc/{pid}/stat").read_text()


COMPOSE = f"""
services:
  web:
    image: {BUSYBOX}
    init: true
    ports: ["8080"]
    volumes: ["pages:/www"]
    environment: {{SECRET_WORD: "${{SECRET_WORD:?it is needed}}"}}
    command: ["sh", "-c", "echo $$SECRET_WORD > /www/index.html; exec httpd -f -p 8080 -h /www"]
volumes: {{pages: {{}}}}
"""


@pytest.mark.xdist_group("docker")
def test_containers_run_on_under_their_name_with_their_ports_and_variables(docker_engine):
    folder = settings.HUB_PROJECTS_ROOT / f"lost-{secrets.token_hex(3)}"
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    project = started(actions.create_project(name="Lost shop", path=str(folder), env={"SECRET_WORD": "opal"}))
    started(project)
    done(actions.restart(project))
    slug, port = project.slug, project.leases.get().host_port
    client = docker_engine.client()
    before = client.containers.get(f"hub-{slug}-web-1")
    lost(project)
    row = next(one for one in adoption.survey().found if one.key == f"hub-{slug}")
    assert (row.engine, row.path, row.ports, row.error) == ("compose", str(folder), [port], None)
    again = adoption.adopt(row.key)
    assert (again.slug, again.adopted, again.state) == (slug, "", "running")
    assert again.leases.get().host_port == port and environment.load(again) == {"SECRET_WORD": "opal"}
    assert again.revisions.get().number == 2, "the number in the labels of what runs"
    reconcile()
    assert status_of(Project.objects.get(pk=again.pk))["health"] == "healthy"
    started(again)
    now = client.containers.get(f"hub-{slug}-web-1")
    assert (now.id, now.attrs["State"]["StartedAt"]) == (before.id, before.attrs["State"]["StartedAt"])
    assert all(one.key != row.key for one in adoption.survey().found)
    client.close()
    assert done(actions.delete(again, data="remove", confirm=again.name)).state == "succeeded"
    shutil.rmtree(folder)
