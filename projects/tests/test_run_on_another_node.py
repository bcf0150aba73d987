"""A project whose folder is on another host: what can be done from here, and what is said of the rest."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone

from projects import actions
from projects.errors import ProjectError
from projects.models import PortLease, Project, Revision
from projects.observation import shown_status, status_of
from projects.reconcile import reconcile
from tasks.models import Node, Task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def far(redis_server) -> Node:
    """Another node, whose watch was heard of a minute ago and of which no worker is alive."""
    redis_server.client().flushall()
    return Node.objects.create(name="far", home="other", host="far-host", seen_at=timezone.now() - timedelta(minutes=1))


@pytest.fixture
def shop(far) -> Project:
    return actions.create_project(name="Shop", path="/srv/shop", node="far")


def seen(project: Project, *, ago: float, state: str = "running") -> Project:
    at = timezone.now() - timedelta(seconds=ago)
    Project.objects.filter(pk=project.pk).update(observed_at=at, state=state, state_since=at)
    return Project.objects.get(pk=project.pk)


def test_it_is_registered_without_a_look_at_this_disk_and_its_tasks_go_to_its_node(api, far):
    client = api("operator")
    answer = client.post("/api/projects", {"name": "Shop", "path": "/srv/no-such-folder-here", "node": "far"})
    assert answer.status_code == 201, answer.content
    project = answer.json()
    assert (project["node"], project["ports"], project["path"]) == ("far", [], "/srv/no-such-folder-here")
    started = client.post(f"/api/orchestration/{project['id']}/start", {})
    assert started.status_code == 202
    assert "It waits for its node far, which has not answered since" in started.json()["message"]
    assert Task.objects.get().node == "far" and client.get("/api/tasks").json()["items"][0]["node"] == "far"


@pytest.mark.parametrize(("body", "field"), [
    ({"node": "nowhere"}, "node"), ({"node": "two words"}, "node"), ({"path": "srv/shop"}, "path"),
    ({"path": "~/shop"}, "path"), ({"ports": {"web": 8010}}, "ports"),
])  # fmt: skip
def test_what_cannot_be_registered_there_is_refused_with_its_field(api, far, body, field):
    answer = api("operator").post("/api/projects", {"name": "Shop", "path": "/srv/shop", "node": "far", **body})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field
    assert not Project.objects.exists()


def test_the_command_takes_a_node_and_refuses_one_that_there_is_not(far, projects_folder):
    out = StringIO()
    call_command("project", "add", "/srv/shop", "--node", "far", "--name", "Shop", stdout=out)
    assert Project.objects.get().node == "far"
    with pytest.raises(CommandError, match="There is no node nowhere: use"):
        call_command("project", "add", str(projects_folder), "--node", "nowhere")
    with pytest.raises(CommandError, match="cannot be the name of a node"):
        call_command("project", "add", str(projects_folder), "--node", "two words")


def test_two_nodes_may_lease_the_same_port_and_one_node_may_not(shop, projects_folder):
    here = actions.create_project(name="Here", path=str(projects_folder))
    port = here.leases.get().host_port
    PortLease.objects.create(project=shop, node="far", service="web", container_port=1, host_port=port)
    with pytest.raises(IntegrityError):
        PortLease.objects.create(project=shop, node="far", service="api", container_port=1, host_port=port)


def test_the_watch_of_a_node_looks_at_its_own_projects_only(shop):
    Revision.objects.create(project=shop, number=1, definition={"engine": "process", "path": "/srv/shop",
                                                                "source": "/srv/shop", "services": []})
    reconcile()
    assert Project.objects.get(pk=shop.pk).observed_at is None
    reconcile("far")
    assert Project.objects.get(pk=shop.pk).observed_at is not None


@pytest.mark.parametrize("state", ["running", "stopped", "failed", "starting"])
def test_what_was_not_looked_at_there_lately_is_unknown_with_its_age(shop, state):
    assert shown_status(seen(shop, ago=1, state=state), []) == state
    silent = seen(shop, ago=40, state=state)
    assert shown_status(silent, []) == "unknown"
    assert status_of(silent)["reason"].startswith("Its node far has not answered since ")


def test_its_page_says_that_the_node_is_silent_and_start_waits(client, admin_user, shop):
    client.force_login(admin_user)
    seen(shop, ago=40, state="stopped")
    page = client.get(f"/projects/{shop.pk}/").content.decode()
    assert "Its node far has not answered since" in page and "Unknown" in page and "last observed 40 s ago" in page
    assert 'id="act-start"' in page
    client.post(f"/projects/{shop.pk}/start/")
    page = client.get(f"/projects/{shop.pk}/").content.decode()
    assert "What is asked for now waits until it is back." in page
    assert Task.objects.get().node == "far"


def test_what_only_its_host_can_read_is_said_to_be_there(client, admin_user, api, shop):
    client.force_login(admin_user)
    for what in ("logs/web?tail=5", "remains"):
        answer = api("operator").get(f"/api/projects/{shop.pk}/{what}")
        assert answer.status_code == 409 and "can be reached only there" in answer.json()["error"]["message"]
    for tab in ("logs/?service=web", "delete/", "copy/", "environment/", "settings/"):
        assert client.get(f"/projects/{shop.pk}/{tab}").status_code in (200, 404), tab
    assert "reached only there" in client.get(f"/projects/{shop.pk}/delete/").content.decode()
    assert "far leases them when the copy is first started" in client.get(f"/projects/{shop.pk}/copy/").content.decode()
    with pytest.raises(ProjectError, match="its git repository can be reached only there"):
        actions.copy_project(shop, name="Branch", branch="main")
    assert actions.copy_project(shop, name="Second").node == "far"


def test_its_folder_is_typed_and_not_browsed(client, admin_user, far):
    client.force_login(admin_user)
    page = client.get("/projects/new/?node=far").content.decode()
    assert "The folders of far cannot be shown here" in page
    page = client.get("/projects/new/?node=far&path=/srv/shop").content.decode()
    assert "Hub reads the folder on far at the first start" in page
    answer = client.post("/projects/new/", {"node": "far", "path": "/srv/shop", "name": "Shop"})
    assert answer.status_code == 302 and Project.objects.get().node == "far"
    answer = client.post("/projects/new/", {"node": "nowhere", "path": "/srv/shop", "name": "Shop 2"})
    assert answer.status_code == 422 and "There is no node nowhere" in answer.content.decode()


def test_with_one_node_nobody_is_asked_for_one(client, admin_user, redis_server):
    client.force_login(admin_user)
    assert 'name="node"' not in client.get("/projects/new/").content.decode()
