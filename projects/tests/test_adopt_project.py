"""Somebody adopts a Compose project that runs without Hub: it runs on as it is, and is a project from then on."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.tests.people import signed_in
from conftest import PROJECTS_ROOT
from projects import actions, adoption, environment
from projects.binding import engine_of, home_of, running_stack
from projects.errors import ProjectError
from projects.models import PortLease, Project, Service
from projects.observation import status_of
from projects.reconcile import reconcile
from projects.remains import remains_of
from projects.tests.docker_engine import BUSYBOX
from projects.tests.test_compose_project import fetch, finished  # noqa: F401
from tasks.models import Task

pytestmark = [pytest.mark.xdist_group("docker"), pytest.mark.django_db(transaction=True)]

SHOP = f"""
services:
  web:
    image: {BUSYBOX}
    init: true
    container_name: shop-front
    ports: ["8080"]
    volumes: ["pages:/www", "records:/records"]
    depends_on: [cache]
    command: ["httpd", "-f", "-p", "8080", "-h", "/www"]
  cache:
    image: {BUSYBOX}
    init: true
    profiles: [fast]
    command: ["sh", "-c", "echo cache is warm; sleep 1000"]
volumes:
  pages:
  records: {{name: shop-records}}
"""

# The same without the service of a profile: what most people have.
ALONE = SHOP.replace("    depends_on: [cache]\n", "")


@pytest.fixture
def outside(tmp_path, docker_engine):
    """`outside(name, text, file="compose.yaml", *words)` starts a Compose project without Hub; its folder. Whatever is
    left of it is removed."""
    started: dict[str, Path] = {}
    variables = {**os.environ, **docker_engine.variables}

    def start(name: str, text: str, file: str = "compose.yaml", *words: str, root: Path = PROJECTS_ROOT) -> Path:
        folder = root / f"{name}-{tmp_path.name}"
        folder.mkdir()
        started[name] = folder
        (folder / file).write_text(text)
        command = ["docker", "compose", "-p", name, "-f", str(folder / file), *words, "up", "-d"]
        subprocess.run(command, check=True, capture_output=True, env=variables)
        return folder

    yield start
    client = docker_engine.client()
    for name, folder in started.items():
        wanted = {"label": f"com.docker.compose.project={name}"}
        for container in client.containers.list(all=True, filters=wanted):
            container.remove(force=True)
        for left in [*client.networks.list(filters=wanted), *client.volumes.list(filters=wanted)]:
            left.remove()
        shutil.rmtree(folder, ignore_errors=True)
    client.close()


@pytest.fixture
def seen(docker_engine):
    """What must be the same before and after: id, pid, start and restarts of each container, by its name."""
    client = docker_engine.client()

    def look(name: str) -> dict[str, tuple]:
        found = client.containers.list(all=True, filters={"label": f"com.docker.compose.project={name}"})
        return {one.name: (one.id, one.attrs["State"]["Pid"], one.attrs["State"]["StartedAt"],
                           one.attrs["RestartCount"], json.dumps(one.labels, sort_keys=True)) for one in found}

    yield look
    client.close()


def write_page(docker_engine, text: str) -> None:
    shell = f"echo {text} > /www/index.html; echo {text} > /records/first"
    code, _ = docker_engine.client().containers.get("shop-front").exec_run(["sh", "-c", shell])
    assert code == 0


def test_it_runs_on_and_every_operation_works(outside, seen, finished, docker_engine):  # noqa: F811
    folder = outside("shop", SHOP, "compose.yaml", "--profile", "fast")
    write_page(docker_engine, "first-order")
    before = seen("shop")
    assert len(before) == 2
    (row,) = adoption.adoptable()
    assert (row.name, row.path, row.services, row.error) == ("shop", str(folder), ["cache", "web"], None)
    project = adoption.adopt("shop")
    assert seen("shop") == before and adoption.adoptable() == []

    # On the port that it has; the profile by which the cache runs is remembered.
    lease = project.leases.get()
    assert [lease.host_port] == row.ports and (lease.service, lease.container_port) == ("web", 8080)
    assert environment.load(project) == {"COMPOSE_PROFILES": "fast"}
    revision = project.revisions.get()
    assert revision.started_ok and set(revision.images) == {"web", "cache"} and revision.ports[0][3] == lease.host_port
    reconcile()
    project = Project.objects.get(pk=project.pk)
    status = status_of(project)
    assert (status["status"], status["health"], status["running_count"]) == ("running", "healthy", 2)
    assert project.reason == ""
    web = next(one for one in status["services"] if one["name"] == "web")
    assert web["container_id"] == before["shop-front"][0][:12] and web["port"] == lease.host_port
    assert fetch(project, "web") == "first-order\n"
    logged = io.StringIO()
    call_command("project", "logs", "shop", "cache", stdout=logged)
    assert "cache is warm" in logged.getvalue()
    assert all(usage.memory for usage in engine_of(project).usage(running_stack(project)))
    assert seen("shop") == before

    finished(actions.restart_service(project, "cache"))
    after = seen("shop")
    assert after["shop-front"] == before["shop-front"] and after["shop-cache-1"][2] > before["shop-cache-1"][2]

    # Stop, and a start by Hub: the same names, the same port, and above all the same data, in both volumes.
    finished(actions.stop(project))
    assert seen("shop") == {}
    finished(actions.start(Project.objects.get(pk=project.pk)))
    assert set(seen("shop")) == {"shop-front", "shop-cache-1"} and seen("shop") != before
    assert fetch(project, "web") == "first-order\n"
    code, said = docker_engine.client().containers.get("shop-front").exec_run(["cat", "/records/first"])
    assert (code, said) == (0, b"first-order\n")
    finished(actions.restart(Project.objects.get(pk=project.pk)))
    assert fetch(project, "web") == "first-order\n"
    # What was adopted can be gone back to.
    finished(actions.roll_back(Project.objects.get(pk=project.pk), 1))
    assert fetch(project, "web") == "first-order\n"

    listed = {(one.kind, one.name, one.is_data) for one in remains_of(project)}
    assert {("container", "shop-front", False), ("network", "shop_default", False), ("volume", "shop_pages", True),
            ("volume", "shop-records", True), ("port", str(lease.host_port), False)} <= listed
    result = finished(actions.delete(project)).result
    assert sorted(result["volumes_kept"]) == ["shop-records", "shop_pages"]
    assert seen("shop") == {} and (folder / "compose.yaml").exists()


def test_files_and_env_files_of_another_name(outside, seen, docker_engine, tmp_path):
    extra = PROJECTS_ROOT / f"{tmp_path.name}.env"
    extra.write_text("GREETING=hello\n")
    text = ALONE.replace("command: [\"httpd\"", "environment: {WORD: \"${GREETING}\"}\n    command: [\"httpd\"")
    outside("kiosk", text.replace("shop-", "kiosk-"), "stack.yml", "--env-file", str(extra))
    before = seen("kiosk")
    project = adoption.adopt("kiosk", name="Corner shop")
    assert environment.load(project) == {"GREETING": "hello", "COMPOSE_FILE": "stack.yml",
                                         "COMPOSE_PATH_SEPARATOR": ":"}
    document = environment.load_document(project.revisions.get())
    assert document["services"]["web"]["environment"] == {"WORD": "hello"} and list(document["services"]) == ["web"]
    assert (project.name, project.slug, project.adopted) == ("Corner shop", "corner-shop", "kiosk")
    assert seen("kiosk") == before
    extra.unlink()


def test_what_cannot_be_adopted_is_said_and_nothing_is_half_made(outside, seen, docker_engine, tmp_path):
    folder = outside("stall", ALONE.replace("shop-", "stall-"))
    before = seen("stall")
    (row,) = adoption.adoptable()
    other = PROJECTS_ROOT / f"other-{tmp_path.name}"
    other.mkdir()
    (other / "Procfile").write_text("web: serve $PORT\n")

    def refused(words: str, name: str = "stall") -> None:
        rows = Project.objects.count(), PortLease.objects.count(), Service.objects.count()
        with pytest.raises(ProjectError, match=words):
            adoption.adopt(name)
        assert (Project.objects.count(), PortLease.objects.count(), Service.objects.count()) == rows
        assert not home_of("stall").exists() and seen("stall") == before and not Task.objects.exists()

    refused("Nothing named 'nothing' is here", "nothing")
    # A port that is leased to another.
    owner = actions.create_project(name="Owner", path=str(other))
    owner.leases.update(host_port=row.ports[0])
    assert adoption.adoptable()[0].error.code == "conflict"
    refused(f"Port {row.ports[0]} of stall is leased to web of Owner")
    owner.leases.update(host_port=row.ports[0] - 1)
    # A service that no file knows any more; then no file, then no folder.
    file = folder / "compose.yaml"
    file.write_text(ALONE.replace("  web:", "  site:"))
    refused("web of stall runs, but is not in its files any more")
    file.unlink()
    refused("compose.yaml, from which stall was started, is gone")
    folder.rename(folder.with_name("elsewhere"))
    refused("does not exist")
    folder.with_name("elsewhere").rename(folder)
    # Twice.
    file.write_text(ALONE.replace("shop-", "stall-"))
    adoption.adopt("stall")
    with pytest.raises(ProjectError, match="stall is registered already, as stall") as error:
        adoption.adopt("stall")
    assert error.value.code == "conflict" and Project.objects.filter(adopted="stall").count() == 1
    shutil.rmtree(home_of("stall"))
    shutil.rmtree(other)


def test_a_folder_outside_of_the_root_is_refused(outside, seen, tmp_path):
    outside("far", ALONE.replace("shop-", "far-"), root=tmp_path)
    assert "is outside of" in adoption.adoptable()[0].error.message
    with pytest.raises(ProjectError, match="is outside of"):
        adoption.adopt("far")
    assert not Project.objects.exists() and len(seen("far")) == 1


def test_by_page_by_command_and_by_api(outside, seen, api):
    outside("booth", ALONE.replace("shop-", "booth-"))
    before = seen("booth")
    assert signed_in("viewer").get(reverse("projects:adopt")).status_code == 403
    operator = signed_in("operator")
    assert 'value="booth"' in operator.get(reverse("projects:adopt")).content.decode()
    assert reverse("projects:adoptable") in operator.get(reverse("projects:new")).content.decode()
    assert 'value="booth"' in operator.get(reverse("projects:adoptable")).content.decode()
    wrong = operator.post(reverse("projects:adopt"), {"adopt": "nothing"})
    assert wrong.status_code == 422 and "Nothing named" in wrong.content.decode()

    out = io.StringIO()
    call_command("project", "adopt", stdout=out)
    assert out.getvalue().startswith("booth  web  :")
    with pytest.raises(CommandError, match="Nothing named"):
        call_command("project", "adopt", "nothing", stdout=out)

    client = api("operator")
    (row,) = client.get("/api/projects/adoptable").json()["items"]
    assert (row["name"], row["engine"], row["services"], row["error"]) == ("booth", "compose", ["web"], None)
    assert (row["adopt"], row["state"], row["origin"]) == ("booth", "running", "not started by Hub")
    assert api("viewer").post("/api/projects/adoptable", {"adopt": "booth"}).status_code == 403
    answer = client.post("/api/projects/adoptable", {"adopt": "booth", "name": "Booth"})
    assert answer.status_code == 201 and answer.json()["status"] == "running"
    assert answer.json()["ports"][0]["port"] == row["ports"][0]
    assert client.post("/api/projects/adoptable", {"adopt": "booth"}).status_code == 409
    assert client.get("/api/projects/adoptable").json() == {"items": [], "next_cursor": None}
    done = operator.post(reverse("projects:adopt"), {"adopt": "booth"})
    assert done.status_code == 422 and "registered already, as Booth" in done.content.decode()
    assert seen("booth") == before
    shutil.rmtree(home_of("booth"))


def test_a_stopped_one_is_listed_and_starts_on_its_data(outside, seen, finished, docker_engine):  # noqa: F811
    folder = outside("shed", ALONE.replace("shop-", "shed-"))
    code, _ = docker_engine.client().containers.get("shed-front").exec_run(["sh", "-c", "echo kept > /www/index.html"])
    assert code == 0
    subprocess.run(["docker", "compose", "-p", "shed", "-f", str(folder / "compose.yaml"), "stop", "-t", "1"],
                   check=True, capture_output=True, env={**os.environ, **docker_engine.variables})
    before = seen("shed")
    (row,) = adoption.adoptable()
    assert (row.key, row.runs, row.ports, row.error) == ("shed", False, [], None)
    operator = signed_in("operator")
    assert "stopped" in operator.get(reverse("projects:adopt")).content.decode()
    assert operator.get(reverse("projects:adoptable")).content == b"", "only what runs is offered unasked"
    project = adoption.adopt("shed")
    reconcile()
    project = Project.objects.get(pk=project.pk)
    assert (project.state, project.desired, project.reason) == ("stopped", "stopped", "")
    assert {service.state for service in project.services.all()} == {"stopped"} and seen("shed") == before
    finished(actions.start(project))
    assert fetch(project, "web") == "kept\n"
