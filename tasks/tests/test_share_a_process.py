"""Short tasks share a process: each is as safe in it as in one of its own."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time

import pytest

from tasks import queue
from tasks.actions import AlreadyEnded, cancel, enqueue
from tasks.cancellation import STOP_SIGNAL
from tasks.models import Attempt, Task
from tasks.processes import began
from tasks.tests import jobs
from tasks.tests.messy import jobs as messy_jobs


@pytest.fixture
def run(said, wait_for):
    """`run(job, **params)`: the task once it has ended."""

    def run(job: type[jobs.Trial], **params) -> Task:
        return wait_for(enqueue(job, {"file": str(said), **params}), "succeeded", "failed")

    return run


def test_tasks_share_a_process_whatever_becomes_of_them_but_not_with_one_that_wants_its_own(trial_workers, run):
    trial_workers()
    for job in (jobs.Say, jobs.Fail, jobs.Raise, jobs.NoJson, messy_jobs.ChangeSession, messy_jobs.ChangeSession,
                jobs.BadHook, jobs.Say):
        run(job)
    assert set(Task.objects.filter(job=messy_jobs.ChangeSession.name).values_list("state", flat=True)) == {"succeeded"}
    own = run(messy_jobs.Own).result["pid"]
    after = run(jobs.Say)
    shared = set(Attempt.objects.exclude(task__job=messy_jobs.Own.name).values_list("pid", flat=True))
    assert shared == {after.result["pid"]} and own not in shared and began(own) is None


def test_after_each_kind_of_mess_the_next_task_has_a_new_process(trial_workers, run):
    (worker,) = trial_workers()
    for mess in messy_jobs.MESSES:
        messy = run(messy_jobs.Mess, mess=mess)
        clean = run(messy_jobs.Mess)
        assert messy.state == clean.state == "succeeded", messy.detail
        assert messy.result["pid"] != clean.result["pid"], mess
        assert began(messy.result["pid"]) is None, mess
    log = worker.log.read_text()
    unnamed = [mess for mess in messy_jobs.MESSES if f"left behind: {mess}" not in log]
    assert unnamed == ["grandchildren", "memory"] and log.count("left behind: children") == 2 and " MB more" in log


def test_a_transaction_that_is_left_open_fails_its_task_and_takes_nothing_else_with_it(trial_workers, run):
    trial_workers()
    task = run(messy_jobs.OpenTransaction)
    assert task.state == "failed" and "left a transaction open" in task.error and task.title != "left open"
    assert run(jobs.Say).state == "succeeded" and not Task.objects.filter(title="left open").exists()


@pytest.mark.parametrize(("job", "word"), [(jobs.Exit, "exit code 3"), (jobs.Shot, "SIGKILL"), (jobs.Slow, "1 s")])
def test_a_task_that_ends_badly_after_others_is_named_and_the_next_one_runs(trial_workers, run, job, word):
    trial_workers()
    before, bad, after = run(jobs.Say), run(job), run(jobs.Say)
    assert bad.state == "failed" and word in bad.error and after.state == "succeeded"
    assert bad.attempts.get().pid == before.result["pid"]


def test_an_idle_process_that_is_killed_costs_nothing(trial_workers, run, eventually):
    trial_workers()
    pid = run(jobs.Say).result["pid"]
    os.kill(pid, signal.SIGKILL)
    task = run(jobs.Say)
    assert task.state == "succeeded" and task.attempts.get().pid != pid


def test_a_stop_that_comes_late_does_not_stop_the_next_task(trial_workers, said, run, wait_for, eventually):
    """The worker is asked, or the process itself gets the signal, as from a rescuer that looked a moment ago."""
    (worker,) = trial_workers()
    first = run(jobs.Say)
    second = enqueue(jobs.Steps, {"file": str(said), "steps": [["a", 1, 5]]})
    wait_for(second, "running")
    for _ in range(5):
        queue.send_stop(worker.name, first.pk)
        os.kill(second.attempts.get().pid, STOP_SIGNAL)
        time.sleep(0.05)
    assert wait_for(second, "succeeded", "cancelled").state == "succeeded"
    # And when it is meant, the signal alone is enough.
    third = enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    Task.objects.filter(pk=third.pk).update(cancel_requested=True)
    os.kill(third.attempts.get().pid, STOP_SIGNAL)
    assert wait_for(third, "cancelled").attempts.get().pid == first.result["pid"]


def test_stops_at_random_moments_end_only_the_tasks_that_they_were_for(trial_workers, said, wait_for):
    dice = random.Random(7)
    trial_workers()
    tasks = [enqueue(messy_jobs.Quick, {"file": str(said), "seconds": dice.uniform(0, 0.03)}) for _ in range(120)]
    asked, active = set(), Task.objects.filter(state__in=["queued", "running"])
    while (task := active.order_by("state", "id").last()) is not None:
        if task.state == "running":
            time.sleep(dice.uniform(0, 0.03))
            with contextlib.suppress(AlreadyEnded):
                asked.add(cancel(task).pk)
        time.sleep(dice.uniform(0, 0.05))
    ended = {task.pk: wait_for(task, "succeeded", "cancelled").state for task in tasks}
    assert {key for key, state in ended.items() if state == "cancelled"} <= asked
    assert set(ended.values()) == {"succeeded", "cancelled"} and len(asked) > 2
    assert Attempt.objects.count() == len(tasks) and Attempt.objects.values("pid").distinct().count() == 1


def test_what_is_heavy_is_imported_when_a_task_needs_it_and_then_shared_by_all_that_follow(trial_workers, run):
    (worker,) = trial_workers()
    first, other, second = run(messy_jobs.Heavy), run(jobs.Say), run(messy_jobs.Heavy)
    assert not first.result["was_here"] and second.result["was_here"]
    assert {task.attempts.get().worker for task in (first, other, second)} == {worker.name}
