"""The command for nodes, and which watch does what."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.utils import timezone

from hub.watch import ELSEWHERE, ONCE, PER_NODE, FileLeadership, Step, Watch, heartbeat_file
from projects import actions
from projects.models import PortLease, Project
from tasks.models import Node
from tasks.nodes.registry import join

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def far(redis_server) -> Node:
    redis_server.client().flushall()
    return Node.objects.create(name="far", home="other", host="far-host", seen_at=timezone.now() - timedelta(hours=1))


def node(*arguments: str) -> str:
    out = StringIO()
    call_command("node", *arguments, stdout=out)
    return out.getvalue()


def test_they_are_listed_with_what_is_wrong(far, settings):
    rows = {row["name"]: row for row in json.loads(node("list", "--json"))}
    assert set(rows) == {"far", settings.HUB_NODE}
    assert (rows["far"]["answers"], rows["far"]["workers"], rows["far"]["here"]) == (False, 0, False)
    assert "far  has not answered since" in node("list")


def test_one_that_is_gone_is_forgotten_when_it_has_no_projects(far):
    project = actions.create_project(name="Shop", path="/srv/shop", node="far")
    with pytest.raises(CommandError, match="1 projects belong to far"):
        node("remove", "far")
    project.delete()
    assert "forgotten" in node("remove", "far")
    assert not Node.objects.exists()
    with pytest.raises(CommandError, match="There is no node far"):
        node("remove", "far")


def test_one_that_is_alive_is_not_forgotten(far):
    Node.objects.update(seen_at=timezone.now())
    with pytest.raises(CommandError, match="far is alive"):
        node("remove", "far")


def test_projects_follow_a_node_to_its_new_name_with_their_ports(far, projects_folder):
    shop = actions.create_project(name="Shop", path=str(projects_folder))
    old = shop.node
    lease = shop.leases.get()
    other = actions.create_project(name="Far", path="/srv/far", node="far")
    clash = PortLease.objects.create(project=other, node="far", service="web", container_port=1,
                                     host_port=lease.host_port)  # fmt: skip
    with pytest.raises(CommandError, match=f"Port {lease.host_port} is leased on both nodes"):
        node("rename", old, "far")
    with pytest.raises(CommandError, match="cannot be the name of a node"):
        node("rename", old, "two words")
    clash.delete()
    node("rename", old, "far")
    assert Project.objects.get(pk=shop.pk).node == PortLease.objects.get(pk=lease.pk).node == "far"


def test_while_a_task_is_under_way_a_node_keeps_its_name(far):
    project = actions.create_project(name="Shop", path="/srv/shop", node="far")
    actions.start(project)
    with pytest.raises(CommandError, match="Start Shop is under way on far"):
        node("rename", "far", "near")


def watch_of(name: str, folder: Path, done: list[str]) -> Watch:
    def step(where: str) -> Step:
        return Step(where, 0.0, lambda: done.append(where), where)

    return Watch([step(ONCE), step(PER_NODE), step(ELSEWHERE)], FileLeadership(folder / "watch.lock"), name)


@pytest.mark.usefixtures("redis_server")
def test_one_watch_leads_and_each_node_has_one_of_its_own(tmp_path, settings):
    settings.HUB_DATA = tmp_path
    done: dict[str, list[str]] = {name: [] for name in ("first", "second", "third")}
    first, second = (watch_of(name, tmp_path, done[name]) for name in ("first", "second"))
    another = watch_of("second", tmp_path, done["third"])
    for watch in (first, second, another):
        watch.once()
    assert done == {"first": [ONCE, PER_NODE], "second": [PER_NODE, ELSEWHERE], "third": []}
    assert set(Node.objects.exclude(seen_at=None).values_list("name", flat=True)) == {"first", "second"}
    # The first is gone: of the others, those that live take over what it did.
    first.release()
    for watch in (second, another):
        watch.once()
    assert done["second"][2:] == [ONCE, PER_NODE] and done["third"] == []
    second.release()
    another.once()
    assert done["third"] == [ONCE, PER_NODE]
    another.release()


@pytest.mark.usefixtures("redis_server")
def test_a_watch_leaves_the_projects_of_a_node_alone_that_is_another_folders(tmp_path, settings, far):
    settings.HUB_DATA = tmp_path
    Node.objects.update(seen_at=timezone.now())
    done: list[str] = []
    watch = watch_of("far", tmp_path, done)
    watch.once()
    assert done == [ONCE] and heartbeat_file().exists()
    watch.release()


def test_two_workers_of_one_folder_that_begin_at_once_both_join(settings):
    """The other one writes the row between the look of this one and its own try."""
    looked = []

    def other() -> None:
        join(settings.HUB_NODE)
        connections.close_all()

    def meanwhile(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        if sql.startswith("UPDATE") and not looked:
            looked.append(sql)
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        return answer

    with connection.execute_wrapper(meanwhile):
        join(settings.HUB_NODE)
    assert looked and [row.home for row in Node.objects.all()] == [settings.ENV.home]
