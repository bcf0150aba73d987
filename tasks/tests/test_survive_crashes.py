"""kill -9 of everybody, while a task runs: it ends truthfully, or runs again."""

from __future__ import annotations

import os
import signal
from itertools import pairwise

import pytest

from tasks import queue
from tasks.actions import enqueue
from tasks.models import Attempt, Task
from tasks.moves import move
from tasks.processes import began
from tasks.runner import claim
from tasks.settle import Ending, died, settle
from tasks.states import TaskState
from tasks.tests import jobs
from tasks.tests.fire.jobs import Careless
from tasks.tests.test_run import facts, hooks


@pytest.fixture
def running(said, eventually):
    """`running(job)`: the task once its job has begun its work, and the attempt at it."""

    def start(job: type[jobs.Trial]) -> tuple[Task, Attempt]:
        task = enqueue(job, {"file": str(said)}, subject="trial:1")
        eventually(lambda: "began" in said.read_text())
        eventually(lambda: Task.objects.get(pk=task.pk).step)
        return Task.objects.get(pk=task.pk), task.attempts.get()

    return start


def in_order(task: Task) -> bool:
    """An attempt that died ends no later than the next begins."""
    attempts = list(task.attempts.all())
    return all(one.ended_at <= two.started_at for one, two in pairwise(attempts))


def test_when_the_horse_is_killed_a_job_that_may_be_repeated_runs_again(trial_workers, running, said, wait_for):
    trial_workers()
    task, attempt = running(jobs.Again)
    os.kill(attempt.pid, signal.SIGKILL)
    task = wait_for(task, "succeeded", timeout=5)
    assert said.read_text() == "began\nsecond\n" and task.attempt == 2
    assert [(a.outcome, a.signal) for a in task.attempts.all()] == [("died", "SIGKILL"), ("succeeded", "")]
    assert in_order(task) and hooks(task) == ["succeeded"]
    assert facts(task)[:4] == ["task.created", "task.started", "task.requeued", "task.started"]


def test_when_the_horse_is_killed_another_job_fails_with_signal_and_last_step(
    trial_workers, running, said, wait_for
):
    trial_workers()
    task, attempt = running(jobs.Patient)
    os.kill(attempt.pid, signal.SIGKILL)
    task = wait_for(task, "failed", timeout=5)
    assert task.error == "Its process was killed by SIGKILL. The last step was “Wait for ever”."
    assert task.attempts.get().signal == "SIGKILL" and hooks(task) == ["failed"]
    assert task.steps[0]["started"] and task.progress != 100


def test_when_the_worker_is_killed_its_horse_dies_and_another_worker_takes_over(
    trial_workers, running, said, wait_for, rescued, eventually
):
    first, second = trial_workers(2)
    task, attempt = running(jobs.Again)
    worker = {first.name: first, second.name: second}[attempt.worker]
    worker.kill()
    eventually(lambda: began(attempt.pid) is None, 2)
    rescued(lambda: Task.objects.get(pk=task.pk).state == "succeeded")
    task.refresh_from_db()
    assert task.attempts.get(number=2).worker != worker.name and in_order(task)
    assert task.attempts.get(number=1).outcome == "died" and said.read_text() == "began\nsecond\n"
    assert worker.name not in {alive.name for alive in queue.workers_alive()}


def test_when_the_worker_is_killed_what_its_job_had_started_is_killed_too(
    trial_workers, said, wait_for, rescued, eventually
):
    (worker,) = trial_workers()
    task = enqueue(jobs.Stubborn, {"file": str(said)})
    child = int(eventually(said.read_text).split()[1])
    worker.kill()
    rescued(lambda: Task.objects.get(pk=task.pk).state == "failed")
    eventually(lambda: began(child) is None)
    assert "worker" in Task.objects.get(pk=task.pk).error


def test_when_the_horse_is_killed_what_its_job_had_started_is_killed_too(trial_workers, said, wait_for, eventually):
    trial_workers()
    task = enqueue(Careless, {"file": str(said)})
    _, *pids = eventually(lambda: said.read_text().endswith("\n") and said.read_text()).split()
    os.kill(task.attempts.get().pid, signal.SIGKILL)
    wait_for(task, "failed")
    eventually(lambda: not any(began(int(pid)) for pid in pids), 2)


def test_when_redis_is_killed_the_running_task_goes_on_and_the_worker_listens_again(
    trial_workers, redis_server, said, wait_for, eventually, rescued
):
    (worker,) = trial_workers()
    task = enqueue(jobs.Steps, {"steps": [["a", 4, 4]], "file": str(said)})
    wait_for(task, "running")
    redis_server.kill()
    try:
        waiting = enqueue(jobs.Say, {"file": str(said)})
        wait_for(task, "succeeded", timeout=10)
    finally:
        redis_server.start()
    rescued(lambda: Task.objects.get(pk=waiting.pk).state == "succeeded")
    assert worker.process.poll() is None and task.attempts.count() == 1
    # The stop channel works again as well.
    patient = enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    assert eventually(lambda: queue.send_stop(worker.name, patient.pk) and Task.objects.get(pk=patient.pk).has_ended)


def test_when_redis_is_emptied_waiting_tasks_come_back_and_the_worker_is_known_again(
    trial_workers, redis_server, said, wait_for, eventually, rescued
):
    (worker,) = trial_workers()
    busy = enqueue(jobs.Steps, {"steps": [["a", 2, 1]], "file": str(said)})
    wait_for(busy, "running")
    tasks = [enqueue(jobs.Say, {"file": str(said), "word": str(number)}) for number in range(5)]
    redis_server.client().flushall()
    assert not queue.known().waiting
    rescued(lambda: Task.objects.filter(state="succeeded").count() == 6)
    assert sorted(said.read_text().split()) == list("01234")
    assert all(task.attempts.count() == 1 for task in [busy, *tasks])
    eventually(lambda: worker.name in {alive.name for alive in queue.workers_alive()})


def test_when_everything_is_killed_at_once_the_task_runs_again_on_what_is_started_anew(
    trial_workers, redis_server, running, said, rescued
):
    workers = trial_workers(2)
    task, attempt = running(jobs.Again)
    os.kill(attempt.pid, signal.SIGKILL)
    for worker in workers:
        worker.kill()
    redis_server.kill()
    redis_server.start()
    trial_workers()
    rescued(lambda: Task.objects.get(pk=task.pk).state == "succeeded")
    assert said.read_text() == "began\nsecond\n" and in_order(task)


def test_the_rescuer_leaves_what_is_alive_alone(trial_workers, said, wait_for, rescued):
    """Also a task that says nothing for long, and workers that Redis has forgotten."""
    trial_workers(2)
    tasks = [enqueue(jobs.Steps, {"steps": [["a", 4, 1]], "file": str(said), "n": n}) for n in range(2)]
    for task in tasks:
        wait_for(task, "running")
    queue.connection().flushall()
    rescued(lambda: Task.objects.filter(state="succeeded").count() == 2)
    assert [task.attempts.count() for task in tasks] == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_a_task_without_a_row_is_dropped_from_the_queue(redis_server, said, rescued):
    redis_server.client().flushall()
    kept = enqueue(jobs.Say, {"file": str(said)})
    gone = enqueue(jobs.Say, {"file": str(said)})
    gone_id = str(gone.pk)
    Task.objects.filter(pk=gone.pk).delete()
    redis_server.client().rpush("rq:queue:hub:reports:3", "no-task-at-all")
    rescued(lambda: queue.known().waiting == {str(kept.pk)})
    assert not redis_server.client().exists(f"rq:job:{gone_id}")


@pytest.mark.django_db(transaction=True)
def test_an_old_attempt_that_ends_late_changes_nothing(redis_server, said):
    redis_server.client().flushall()
    task = enqueue(jobs.Again, {"file": str(said)}, subject="trial:1")
    old = claim(task.pk, "old")
    assert died(old, "It was taken for dead.") == TaskState.QUEUED
    new = claim(task.pk, "new")
    assert (new.number, new.task.state) == (2, "running")

    assert settle(old.task, TaskState.SUCCEEDED, Ending(attempt=1, result={"from": "old"})) is None
    assert died(old, "Again.") is None
    task.refresh_from_db()
    assert (task.state, task.attempt, task.result) == ("running", 2, None) and hooks(task) == []

    assert settle(new.task, TaskState.SUCCEEDED, Ending(attempt=2, result={"from": "new"})) == TaskState.SUCCEEDED
    assert settle(new.task, TaskState.FAILED, Ending(attempt=2, error="late")) is None
    task.refresh_from_db()
    assert (task.state, task.result, task.error) == ("succeeded", {"from": "new"}, "") and hooks(task) == ["succeeded"]
    assert [attempt.outcome for attempt in task.attempts.all()] == ["died", "succeeded"]


@pytest.mark.django_db(transaction=True)
def test_only_one_of_two_takes_a_task_and_states_move_only_as_the_table_says(redis_server, said):
    task = enqueue(jobs.Say, {"file": str(said)})
    assert claim(task.pk, "one") is not None and claim(task.pk, "two") is None
    assert not move(task, TaskState.RUNNING) and not move(task, TaskState.BLOCKED, sources={TaskState.QUEUED})
    assert move(task.pk, TaskState.FAILED) and not move(task.pk, TaskState.RUNNING)
    assert not move(task.pk, TaskState.BLOCKED) and not move(task.pk, TaskState.SCHEDULED)
    assert Task.objects.get(pk=task.pk).state == "failed"
