"""Tasks of a node are run by the workers of that node alone, and a node that is silent is seen."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from tasks import actions, queue
from tasks.errors import BadTask
from tasks.jobs import Sleep
from tasks.models import Attempt, Node, Task
from tasks.nodes import registry
from tasks.processes import here
from tasks.rescue import GONE_ELSEWHERE, Rescuer
from tasks.states import TaskState

pytestmark = pytest.mark.django_db(transaction=True)
QUICK = {"seconds": 0.1}


@pytest.fixture
def far(settings) -> Node:
    """Another node, whose watch was just heard of."""
    return Node.objects.create(name="far", home="other", host="far-host", seen_at=timezone.now())


def silence(node: Node, seconds: float = 60) -> None:
    Node.objects.filter(pk=node.pk).update(seen_at=timezone.now() - timedelta(seconds=seconds))


def test_only_a_worker_of_its_node_takes_a_task(workers, far, wait_for, settings):
    workers(1)
    bound = actions.enqueue(Sleep, QUICK, node="far", priority=10)
    anybodys = actions.enqueue(Sleep, QUICK, priority=1)
    # The one behind it is done, and it still waits: that worker does not listen to its queue.
    wait_for(anybodys, TaskState.SUCCEEDED)
    assert Task.objects.get(pk=bound.pk).state == TaskState.QUEUED
    Node.objects.filter(pk="far").update(home=settings.ENV.home)
    workers(1, environ={"HUB_NODE": "far"})
    done = wait_for(bound, TaskState.SUCCEEDED)
    assert [one.node for one in queue.workers_alive() if one.name == done.attempts.get().worker] == ["far"]


def test_a_task_of_a_node_keeps_it_when_it_is_raised_pushed_again_and_retried(redis_server, far, settings):
    redis_server.client().flushall()
    task = actions.enqueue(Sleep, QUICK, node="far", priority=2)
    actions.change_priority(task, 9)
    task.refresh_from_db()
    assert redis_server.client().lrange(f"rq:queue:{task.queue}", 0, -1) == [str(task.pk).encode()]
    assert task.queue.endswith(":9@far")
    assert str(task.pk) in queue.known().waiting
    actions.cancel(task)
    assert str(task.pk) not in queue.known().waiting
    assert actions.retry(Task.objects.get(pk=task.pk)).node == "far"


@pytest.mark.parametrize("name", ["nowhere", "two words", "a" * 65, "a/b"])
def test_a_node_that_there_is_not_is_refused(name, far):
    with pytest.raises(BadTask) as refused:
        actions.enqueue(Sleep, QUICK, node=name)
    assert refused.value.field == "node"
    assert not Task.objects.exists()
    for command in ("worker", "watch") if name != "nowhere" else ():
        with pytest.raises(CommandError, match="cannot be the name of a node"):
            call_command(command, node=name)


def test_another_data_folder_cannot_work_under_the_name_of_one_that_is_alive(far, monkeypatch, settings):
    with pytest.raises(registry.NodeTaken, match="far-host"):
        registry.join("far")
    silence(far)
    registry.join("far", is_watch=True)  # the host was set up anew
    far.refresh_from_db()
    assert far.home == settings.ENV.home and far.host == here().host


def test_a_silent_node_is_seen_on_the_page_and_in_health(client, admin_user, redis_server, far):
    redis_server.client().flushall()
    client.force_login(admin_user)
    assert client.get("/health").json()["nodes"] == {"status": "degraded", "others": 1, "well": 0}  # it has no worker
    page = client.get("/tasks/workers/").content.decode()
    assert "no worker" in page and "has not answered" not in page
    silence(far)
    page = client.get("/tasks/workers/").content.decode()
    assert "silent" in page and "has not answered since" in page
    assert client.get("/health").json()["status"] == "degraded"


def running_on(host: str) -> Task:
    task = actions.enqueue(Sleep, {"seconds": 60})
    Task.objects.filter(pk=task.pk).update(state=TaskState.RUNNING, attempt=1, started_at=timezone.now())
    Attempt.objects.create(task=task, number=1, worker="gone", host=host, pid=1, pid_started=1,
                           correlation_id=task.correlation_id)
    return task


def test_a_task_of_another_host_is_left_to_the_watch_there_while_that_lives(redis_server, far, eventually, monkeypatch):
    redis_server.client().flushall()
    monkeypatch.setattr("tasks.rescue.GONE_ELSEWHERE", 0.5)
    left, mine = running_on("far-host"), running_on("third-host")
    rescuer = Rescuer()

    def state(task: Task) -> str:
        rescuer.rescue()
        return Task.objects.get(pk=task.pk).state

    eventually(lambda: state(mine) != TaskState.RUNNING, 10)
    assert state(left) == TaskState.RUNNING
    silence(far)
    eventually(lambda: state(left) != TaskState.RUNNING, 10)


def test_a_watch_that_does_not_lead_rescues_the_tasks_of_its_own_host_alone(redis_server, far, eventually):
    redis_server.client().flushall()
    elsewhere, mine = running_on("far-host"), running_on(here().host)
    rescuer = Rescuer(only_here=True)
    eventually(lambda: rescuer.rescue() or Task.objects.get(pk=mine.pk).state != TaskState.RUNNING, 10)
    assert Task.objects.get(pk=elsewhere.pk).state == TaskState.RUNNING


def test_a_dead_worker_of_another_host_is_believed_dead_within_half_a_minute():
    between_passes = 2.0
    assert queue.HEARTBEAT_TTL + GONE_ELSEWHERE + between_passes < 30
    assert registry.SILENT + GONE_ELSEWHERE + between_passes < 30
    assert GONE_ELSEWHERE > queue.HEARTBEAT_INTERVAL


def test_workers_that_are_the_first_of_a_new_node_at_once_all_join_it():
    """None takes another of the same folder for a stranger."""
    barrier, refused = threading.Barrier(4), []

    def join(name: str) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            registry.join(name)
        except (registry.NodeTaken, DatabaseError, threading.BrokenBarrierError) as error:
            refused.append(error)
        finally:
            connections.close_all()

    for number in range(5):
        threads = [threading.Thread(target=join, args=(f"new-{number}",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert refused == [] and Node.objects.filter(name__startswith="new-").count() == 5
