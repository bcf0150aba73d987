"""The pages of a project of containers, while it runs and after: services, logs, usage, what a delete would remove."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.tests.people import signed_in
from projects import actions
from projects.binding import engine_of, running_stack
from projects.models import Project
from projects.reconcile import reconcile
from projects.remains import remains_of
from projects.tests.docker_engine import BUSYBOX
from projects.tests.engines.processes_seen import until
from projects.tests.stack_tasks import done, started
from projects.usage import Recorder

pytestmark = [
    pytest.mark.xdist_group("docker"), pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_server", "docker_engine"),
]

HTMX = {"HX-Request": "true"}
COMPOSE = f"""
services:
  web:
    build: .
    init: true
    ports: ["8080"]
    depends_on: {{db: {{condition: service_healthy}}}}
    volumes: ["pages:/www"]
    command: [sh, -c, "echo page > /www/index.html; echo web is open; exec httpd -f -p 8080 -h /www"]
  db:
    image: {BUSYBOX}
    init: true
    healthcheck: {{test: "true", interval: 0.3s}}
    command:
      - sh
      - -c
      - "echo db is open; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo ledger of db is locked; sleep 1000"
volumes: {{pages: {{}}}}
"""


@pytest.fixture
def project(tmp_path) -> Iterator[Project]:
    folder = settings.HUB_PROJECTS_ROOT / f"boxes-{tmp_path.name}"
    folder.mkdir()
    (folder / "compose.yaml").write_text(COMPOSE)
    (folder / "Dockerfile").write_text(f"FROM {BUSYBOX}\nRUN echo built\n")
    yield started(actions.create_project(name="Boxes", path=str(folder)))
    if left := Project.objects.first():
        task = done(actions.delete(left, data="remove", confirm=left.name))
        assert task.state == "succeeded", task.error
    shutil.rmtree(folder)


def page(client: Client, name: str, project: Project, **query: str) -> str:
    answer = client.get(reverse(f"projects:{name}", args=[project.pk]), query)
    assert answer.status_code == 200
    if not answer.streaming:
        return answer.content.decode()

    async def collected() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return asyncio.run(collected()).decode()


def shown(text: str) -> list[str]:
    """The lines of the log on a page."""
    return [unescape(re.sub(r"<[^>]+>", "", line))
            for line in re.findall(r'<span\s+class="msg">(.*?)</span>', text, re.DOTALL)]


def test_services_logs_and_usage_of_what_runs(project, docker_engine):
    viewer = signed_in("viewer")

    def overview() -> str:
        # What was seen some seconds ago is not known any more, and a page may take that long.
        reconcile()
        return " ".join(re.sub(r"<[^>]+>", " ", page(viewer, "detail", project)).split())

    port = f":{project.leases.get().host_port}"
    until(lambda: "2 of 2 running" in (words := overview()) and port in words, 60, "both services")

    # All by time, one service, what is found, since, and the file.
    until(lambda: shown(page(viewer, "logs", project, service="")) == ["db is open", "web is open"], 10, "both lines")
    both = page(viewer, "logs", project, service="")
    follow = re.search(r'id="follow"\s+hx-get="([^"]+)"', both)[1].replace("&amp;", "&")
    assert viewer.get(follow, headers=HTMX).status_code == 204
    client = docker_engine.client()
    client.containers.get(f"hub-{project.slug}-db-1").exec_run(["touch", "/tmp/go"])
    until(lambda: viewer.get(follow, headers=HTMX).status_code == 200, 10, "a new line")
    assert shown(viewer.get(follow, headers=HTMX).content.decode()) == ["ledger of db is locked"]
    assert shown(page(viewer, "logs", project, service="web")) == ["web is open"]
    found = page(viewer, "logs", project, service="", q="LEDGER")
    assert shown(found) == ["ledger of db is locked"] and "<mark>ledger</mark>" in found
    assert len(shown(page(viewer, "logs", project, service="", since="5m"))) == 3
    text = page(viewer, "log-file", project, service="")
    assert [line.rpartition(" ")[2] for line in text.splitlines()] == ["open", "open", "locked"]
    assert all(name in text for name in ("db", "web"))

    # Real measurements of a minute and a half, put where watch puts them.
    recorder, engine, stack = Recorder(), engine_of(project), running_stack(project)
    for ago in (90, 60, 30, 0):
        at = timezone.now() - timedelta(seconds=ago)
        recorder.add(project.pk, engine.usage(stack), at)
        recorder.flush({project.pk}, at)
    assert project.usage.filter(service="db", memory__gt=0, network_in__isnull=False).exists()
    usage = page(viewer, "usage", project)
    assert usage.count("<svg") >= 4 and "The system does not count" not in usage
    for word in ("CPU", "Memory", "Network", "Disk", "db", "web"):
        assert word in usage

    # The last run's log survives the stop.
    assert done(actions.stop(project)).state == "succeeded"
    assert sorted(shown(page(viewer, "logs", project, service=""))) == [
        "db is open", "ledger of db is locked", "web is open"]
    client.close()


def test_a_delete_lists_what_it_removes_and_no_more(project, docker_engine):
    operator, client = signed_in("operator"), docker_engine.client()
    listed = page(operator, "delete", project)
    slug = project.slug
    for name in ("-web-1", "-db-1", "_default", "_pages", "-web:r1"):
        assert f"hub-{slug}{name}" in listed
    remains = {(one.kind, one.name) for one in remains_of(project)}
    assert next(one for one in remains_of(project) if one.kind == "volume").size > 0

    def there() -> set[tuple[str, str]]:
        label = {"label": f"com.docker.compose.project=hub-{slug}"}
        return {
            *(("container", one.name) for one in client.containers.list(all=True, filters=label)),
            *(("network", one.name) for one in client.networks.list(filters=label)),
            *(("volume", one.name) for one in client.volumes.list(filters=label)),
            *(("image", tag) for one in client.images.list(filters={"label": f"hub.project={slug}"})
              for tag in one.tags),
        }

    before = there()
    assert before == {one for one in remains if one[0] in ("container", "network", "volume", "image")}
    # Without its name typed the data stays, and nothing else.
    assert done(actions.delete(project)).state == "succeeded"
    assert there() == {one for one in before if one[0] == "volume"}
    client.volumes.get(f"hub-{slug}_pages").remove()
    client.close()
