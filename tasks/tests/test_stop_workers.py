"""Workers that come and go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from django.core.management import execute_from_command_line

from conftest import REPOSITORY, process_environment
from tasks import queue
from tasks.actions import cancel, enqueue
from tasks.lanes import LANES
from tasks.models import Task
from tasks.processes import began
from tasks.tests import jobs


def names() -> set[str]:
    return {worker.name for worker in queue.workers_alive()}


def test_sigterm_lets_the_task_end_and_takes_no_other(trial_workers, said, wait_for):
    (worker,) = trial_workers()
    first = enqueue(jobs.Steps, {"steps": [["a", 2, 1]], "file": str(said)})
    wait_for(first, "running")
    second = enqueue(jobs.Say, {"file": str(said)})
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.process.wait(10) == 0
    assert Task.objects.get(pk=first.pk).state == "succeeded" and Task.objects.get(pk=second.pk).state == "queued"
    assert worker.name not in names()


def test_a_worker_that_is_told_to_end_at_the_moment_it_gets_a_task_gives_it_back(
    trial_workers, redis_server, said, eventually
):
    """It is frozen while Redis hands it the task, so that it learns of both at once."""
    (worker,) = trial_workers()
    eventually(lambda: any(client["name"] == worker.name and "b" in client["flags"]
                           for client in redis_server.client().client_list()))  # fmt: skip
    os.kill(worker.pid, signal.SIGSTOP)
    task = enqueue(jobs.Say, {"file": str(said)})
    assert redis_server.client().lrange(f"rq:queue:{task.queue}", 0, -1) == []
    os.kill(worker.pid, signal.SIGTERM)
    os.kill(worker.pid, signal.SIGCONT)
    assert worker.process.wait(10) == 0
    assert redis_server.client().lrange(f"rq:queue:{task.queue}", 0, -1) == [str(task.pk).encode()]


def test_a_second_sigterm_kills_the_task_which_says_so(trial_workers, said, eventually, wait_for):
    (worker,) = trial_workers()
    task = enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    os.kill(worker.pid, signal.SIGTERM)
    time.sleep(1.2)  # sooner it would be the same signal, sent twice
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.process.wait(10) == 0
    task = wait_for(task, "failed")
    assert "SIGKILL" in task.error and began(task.attempts.get().pid) is None


@pytest.mark.alone
def test_an_idle_worker_ends_at_once_also_while_redis_is_away(trial_workers, redis_server):
    one, other = trial_workers(2)
    begun = time.monotonic()
    os.kill(one.pid, signal.SIGTERM)
    assert one.process.wait(3) == 0 and time.monotonic() - begun < 2
    redis_server.kill()
    try:
        begun = time.monotonic()
        os.kill(other.pid, signal.SIGTERM)
        assert other.process.wait(6) == 0 and time.monotonic() - begun < 5
    finally:
        redis_server.start()


def test_a_worker_is_known_with_what_it_does_and_forgotten_when_it_is_killed(trial_workers, said, eventually):
    (worker,) = trial_workers(lanes="stacks,reports")
    (info,) = queue.workers_alive()
    assert (info.name, info.pid, info.lanes, info.task) == (worker.name, worker.pid, ("stacks", "reports"), "")
    assert info.heartbeat_age < queue.HEARTBEAT_TTL and info.started_at is not None
    task = enqueue(jobs.Patient, {"file": str(said)}, lane="stacks")
    eventually(lambda: queue.workers_alive()[0].task == str(task.pk))
    worker.kill()
    assert names() == set()


@pytest.mark.alone
def test_an_idle_worker_takes_a_task_at_once(trial_workers, said, eventually):
    trial_workers()
    task = enqueue(jobs.Say, {"file": str(said)}, priority=1, lane=LANES[-1])
    eventually(lambda: Task.objects.get(pk=task.pk).started_at, 1.0)


def test_two_workers_cannot_have_one_name_but_a_dead_one_gives_it_back(trial_workers, eventually):
    (worker,) = trial_workers()

    def start() -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "manage.py", "worker", "--name", worker.name], cwd=REPOSITORY,
                                env=process_environment(), stderr=subprocess.PIPE, text=True)

    second = start()
    _, error = second.communicate(timeout=20)
    assert second.returncode == 2 and f"pid {worker.pid}" in error.splitlines()[-1]
    worker.kill()
    third = start()
    try:
        eventually(lambda: worker.name in names(), 20)
    finally:
        third.terminate()
        third.communicate(timeout=10)


@pytest.mark.parametrize("lanes", ["fast", "default,fast", ","])
def test_a_lane_that_does_not_exist_is_one_clear_line(lanes, redis_server, capsys):
    with pytest.raises(SystemExit) as end:
        execute_from_command_line(["manage.py", "worker", "--lanes", lanes])
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.count("\n") == 1 and "use stacks, default" in error


def test_busy_and_idle_workers_stay_known_when_redis_loses_everything_or_only_the_list(
    trial_workers, redis_server, said, eventually, wait_for
):
    both = {worker.name for worker in trial_workers(2)}
    task = enqueue(jobs.Patient, {"file": str(said)})
    wait_for(task, "running")

    def known() -> bool:
        workers = queue.workers_alive()
        busy = [worker.name for worker in workers if (worker.state, worker.task) == ("busy", str(task.pk))]
        return {worker.name for worker in workers} == both and busy == [task.attempts.get().worker]

    eventually(known)
    for lost in (["FLUSHALL"], ["DEL", "rq:workers"]):
        redis_server.client().execute_command(*lost)
        assert names() == set()
        eventually(known, 2 * queue.HEARTBEAT_INTERVAL + 5)
    cancel(task)
    wait_for(task, "cancelled")
    eventually(lambda: {worker.state for worker in queue.workers_alive()} == {"idle"})
