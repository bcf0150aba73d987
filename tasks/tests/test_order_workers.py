"""Workers as the API and the commands show them, and the orders that they are given."""

from __future__ import annotations

import io
import json
import os
import signal
import time

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from accounts.tests.api_client import error_of
from events.models import Event
from tasks import queue, workers
from tasks.actions import enqueue
from tasks.models import Task
from tasks.processes import began
from tasks.tests import jobs

pytestmark = pytest.mark.django_db(transaction=True)

SHAPE = {"id", "host", "pid", "node", "lanes", "version", "state", "task", "heartbeat_age", "memory", "succeeded",
         "failed", "started_at"}


def test_the_api_lists_live_workers_with_all_that_is_known_of_them(
    trial_workers, said, wait_for, eventually, api, settings
):
    one, two = trial_workers(2, lanes="default,reports")
    wait_for(enqueue(jobs.Say, {"file": str(said)}), "succeeded")
    wait_for(enqueue(jobs.Fail, {"file": str(said)}), "failed")
    task = enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    items = eventually(lambda: [item for item in listed(api) if item["state"] == "busy"] and listed(api))
    assert {item["id"] for item in items} == {one.name, two.name} and {item["pid"] for item in items} == {
        one.pid, two.pid}
    assert all(set(item) == SHAPE and item["lanes"] == ["default", "reports"] for item in items)
    assert all(item["node"] == settings.HUB_NODE and item["version"] == settings.VERSION for item in items)
    assert all(10 << 20 < item["memory"] < 300 << 20 and 0 <= item["heartbeat_age"] < 20 for item in items)
    (busy,) = [item for item in items if item["task"]]
    assert busy["task"] == str(task.pk) and {item["state"] for item in items} == {"busy", "idle"}
    assert sum(item["succeeded"] for item in items) == 1 and sum(item["failed"] for item in items) == 1
    assert api("viewer").get(f"/api/workers/{busy['id']}").json()["pid"] == busy["pid"]

    first = api("viewer").get("/api/workers?limit=1").json()
    second = api("viewer").get(f"/api/workers?limit=1&cursor={first['next_cursor']}").json()
    assert [item["id"] for item in first["items"] + second["items"]] == [item["id"] for item in items]
    assert second["next_cursor"] is None
    assert error_of(api("viewer").get("/api/workers?cursor=mine"), 400)["field"] == "cursor"
    workers.order(busy["id"], "kill")  # else the end of the test waits for its task


def listed(api) -> list[dict]:
    return api("viewer").get("/api/workers").json()["items"]


def test_a_drained_worker_finishes_its_task_and_takes_no_other(trial_workers, said, wait_for, eventually, api):
    (worker,) = trial_workers()
    task = enqueue(jobs.Steps, {"steps": [["a", 1, 1]], "file": str(said)})
    wait_for(task, "running")
    answer = api("operator").post(f"/api/workers/{worker.name}/drain")
    assert answer.status_code == 202 and answer.json()["state"] == "draining"
    assert api("operator").post(f"/api/workers/{worker.name}/drain").status_code == 202
    after = enqueue(jobs.Say, {"file": str(said)})
    wait_for(task, "succeeded")
    eventually(lambda: workers.worker(worker.name).task == "")
    time.sleep(1.5)
    assert Task.objects.get(pk=after.pk).state == "queued" and worker.process.poll() is None
    assert workers.worker(worker.name).state == "draining"
    drains = Event.objects.filter(subject=f"hub.{settings.HUB_ID}.worker.drain", actor="key:operator of a test")
    assert drains.count() == 2

    assert api("operator").post(f"/api/workers/{worker.name}/stop").json()["state"] == "stopping"
    assert worker.process.wait(5) == 0 and listed(api) == []
    assert error_of(api("operator").post(f"/api/workers/{worker.name}/stop"), 404)
    trial_workers()
    wait_for(after, "succeeded")


def test_an_idle_worker_that_is_drained_takes_nothing_however_soon_it_comes(trial_workers, said, wait_for):
    first, second = trial_workers(2)
    workers.order(first.name, "drain")
    tasks = [enqueue(jobs.Say, {"file": str(said), "word": str(n)}) for n in range(6)]
    for task in tasks:
        assert wait_for(task, "succeeded", timeout=15).attempts.get().worker == second.name


def test_a_stopped_worker_finishes_its_task_also_when_it_is_told_twice(trial_workers, said, wait_for):
    (worker,) = trial_workers()
    task = enqueue(jobs.Steps, {"steps": [["a", 2, 1]], "file": str(said)})
    wait_for(task, "running")
    workers.order(worker.name, "stop")
    time.sleep(1.2)  # sooner a second signal would be taken for the first
    workers.order(worker.name, "stop")
    assert worker.process.wait(10) == 0 and Task.objects.get(pk=task.pk).state == "succeeded"


def test_a_killed_worker_ends_at_once_and_its_task_says_so(trial_workers, said, wait_for, eventually, api):
    (worker,) = trial_workers()
    task = enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    assert api("operator").post(f"/api/workers/{worker.name}/kill").status_code == 202
    assert worker.process.wait(5) == 0
    task = wait_for(task, "failed")
    assert "SIGKILL" in task.error and began(task.attempts.get().pid) is None


def test_the_number_of_workers_is_exact_through_twenty_kills_and_restarts(workers_of_one_host):
    start, count = workers_of_one_host
    alive = [start() for _ in range(2)]
    count(2)
    for number in range(20):
        victim = alive.pop(0)
        os.kill(victim.pid, signal.SIGKILL if number % 4 else signal.SIGTERM)
        victim.process.wait(10)
        assert len(queue.workers_alive()) == 1
        alive.append(start())
        count(2)
    assert {found.name for found in queue.workers_alive()} == {worker.name for worker in alive}


@pytest.fixture
def workers_of_one_host(trial_workers, eventually):
    """A function that starts a worker, and one that waits until so many are alive, and fails when there are more."""

    def count(number: int) -> None:
        eventually(lambda: len(queue.workers_alive()) == number)

    return lambda: trial_workers(1)[0], count


def test_who_may_not_or_names_nobody_is_told_so(api, redis_server):
    redis_server.client().flushall()
    assert error_of(api("viewer").post("/api/workers/nobody/drain"), 403)
    assert error_of(api("operator").post("/api/workers/nobody/drain"), 404)["message"].endswith("named nobody.")
    assert error_of(api("viewer").get("/api/workers/nobody"), 404)
    assert error_of(api().get("/api/workers"), 401)
    redis_server.kill()
    try:
        assert "Redis" in error_of(api("viewer").get("/api/workers"), 503)["message"]
    finally:
        redis_server.start()


def test_the_command_lists_and_stops_workers(trial_workers, eventually):
    (worker,) = trial_workers()

    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command("workers", *arguments, stdout=out)
        return out.getvalue()

    eventually(lambda: run("list").startswith(f"{worker.name}  idle"))
    assert set(json.loads(run("list", "--json"))[0]) == SHAPE
    assert "draining" in run("drain", worker.name, "--wait")
    assert "stopping" in run("stop", worker.name, "--wait") and worker.process.wait(2) == 0
    assert run("list") == ""
    with pytest.raises(CommandError, match="no live worker") as error:
        run("kill", worker.name)
    assert error.value.returncode == 2
