"""Tasks that wait for other tasks, and tasks that begin others and wait for them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.tests.people import signed_in
from conftest import REPOSITORY
from hub.watch import steps_of
from tasks import queue
from tasks.actions import AlreadyEnded, BadTask, cancel, enqueue, retry
from tasks.cancellation import TaskWaits
from tasks.family import suspend
from tasks.job import Child
from tasks.jobs import Fail, Sleep
from tasks.models import Dependency, Task
from tasks.rescue import Rescuer
from tasks.runner import claim
from tasks.settle import Ending, settle
from tasks.states import TaskState
from tasks.tests import jobs
from tasks.tests.test_run import facts, hooks

SLEEP = {"seconds": 1}


@pytest.fixture
def tasks_only(transactional_db, redis_server):
    """Rows and an empty queue, without workers."""
    redis_server.client().flushall()


def state(task: Task) -> str:
    return Task.objects.get(pk=task.pk).state


def end(task: Task, to: TaskState = TaskState.SUCCEEDED) -> None:
    """As a worker would: take it and settle it."""
    attempt = claim(task.pk, "w")
    assert settle(attempt.task, to, Ending(attempt=attempt.number)) == to


def waiting() -> set[str]:
    return set(queue.known().waiting)


# --- Dependencies -----------------------------------------------------------------------------------------------------


def test_it_runs_when_all_that_it_waits_for_have_succeeded(tasks_only):
    first, second = enqueue(Sleep, SLEEP), enqueue(Sleep, SLEEP)
    task = enqueue(Sleep, SLEEP, depends_on=[first, second.pk, first])
    assert (task.state, task.reason) == ("blocked", f"Waits for “{first.title}” and 1 more.")
    assert str(task.pk) not in waiting() and claim(task.pk, "w") is None
    end(first)
    assert state(task) == "blocked"
    end(second)
    assert state(task) == "queued" and str(task.pk) in waiting()
    assert facts(task) == ["task.created", "task.released"]
    end(task)
    task.refresh_from_db()
    assert (task.state, task.reason) == ("succeeded", "") and task.wait() < timezone.now() - task.created_at


def test_with_a_time_it_waits_for_that_as_well(tasks_only):
    first = enqueue(Sleep, SLEEP)
    later = enqueue(Sleep, SLEEP, depends_on=[first], run_at=timezone.now() + timedelta(hours=1))
    assert later.state == "blocked"
    end(first)
    assert state(later) == "scheduled" and str(later.pk) not in waiting()


@pytest.mark.parametrize("to", [TaskState.FAILED, TaskState.CANCELLED])
def test_when_one_ends_otherwise_each_does_what_it_was_told_to(tasks_only, to):
    bad, good = enqueue(Fail, {}), enqueue(Sleep, SLEEP)
    skipped, failing, running = (
        enqueue(jobs.Say, {"file": how}, depends_on=[bad, good], unless_succeeded=how)
        for how in ("skip", "fail", "run")
    )
    default = enqueue(jobs.Say, {"file": "default"}, depends_on=[bad])
    if to == TaskState.CANCELLED:
        cancel(bad)
    else:
        end(bad, to)
    verb = "failed" if to == TaskState.FAILED else "was cancelled"
    for task in (skipped, default):
        task.refresh_from_db()
        assert (task.state, task.reason) == ("cancelled", f"Skipped: “Fail”, which it needs, {verb}.")
    failing.refresh_from_db()
    assert (failing.state, failing.error) == ("failed", f"“Fail”, which it needs, {verb}.")
    assert hooks(skipped) == ["cancelled"] and hooks(failing) == ["failed"]
    assert state(running) == "blocked"  # it waits for the other
    end(good)
    assert state(running) == "queued"


def test_a_long_chain_ends_with_its_first(tasks_only):
    first = last = enqueue(Fail, {})
    for _ in range(200):
        last = enqueue(Sleep, SLEEP, depends_on=[last])
    cancel(first)
    assert state(last) == "cancelled" and not Task.objects.filter(state="blocked").exists()


def test_what_has_ended_already_counts_as_it_ended(tasks_only):
    good, bad = enqueue(Sleep, SLEEP), enqueue(Sleep, SLEEP)
    end(good)
    cancel(bad)
    free = enqueue(Sleep, SLEEP, depends_on=[good])
    assert free.state == "queued" and str(free.pk) in waiting()
    assert enqueue(Sleep, SLEEP, depends_on=[good, bad]).state == "cancelled"
    assert enqueue(Sleep, SLEEP, depends_on=[bad], unless_succeeded="fail").state == "failed"
    assert enqueue(Sleep, SLEEP, depends_on=[bad], unless_succeeded="run").state == "queued"


def test_a_blocked_task_can_be_cancelled_and_tried_again(tasks_only):
    first = enqueue(Sleep, SLEEP)
    task = enqueue(Sleep, SLEEP, depends_on=[first])
    task = cancel(task)
    end(first)
    assert state(task) == "cancelled"
    again = retry(task)
    assert again.retry_of == task and again.state == "queued"


def test_what_cannot_be_waited_for_is_refused_and_leaves_no_row(tasks_only):
    first = enqueue(Sleep, SLEEP)
    missing = uuid.uuid4()
    for depends_on, unless_succeeded, field, words in [
        ([first, missing], "skip", "depends_on", f"There is no task {missing} to wait for."),
        (["nonsense"], "skip", "depends_on", "must be a list of task ids"),
        ([None], "skip", "depends_on", "must be a list of task ids"),
        ([first], "panic", "unless_succeeded", "must be one of skip, fail, run"),
        ([uuid.uuid4() for _ in range(1001)], "skip", "depends_on", "at most 1000"),
    ]:
        with pytest.raises(BadTask) as refusal:
            enqueue(Sleep, SLEEP, depends_on=depends_on, unless_succeeded=unless_succeeded)
        assert refusal.value.field == field and words in refusal.value.message
    assert list(Task.objects.all()) == [first]


def test_a_circle_is_refused(tasks_only):
    """A child that waits for its parent, at once or by way of others, would wait for ever if the parent waited."""
    parent = enqueue(Sleep, SLEEP)
    after = enqueue(Sleep, SLEEP, depends_on=[parent])
    later = enqueue(Sleep, SLEEP, depends_on=[after])
    child = enqueue(Sleep, SLEEP, parent=parent)
    count = Task.objects.count()
    for above, depends_on in [(parent, [parent]), (parent, [later]), (child, [later])]:
        with pytest.raises(BadTask, match="circle") as refusal:
            enqueue(Sleep, SLEEP, parent=above, depends_on=depends_on)
        assert refusal.value.field == "depends_on"
    attempt = claim(parent.pk, "w")
    with pytest.raises(BadTask, match="circle"):
        suspend(attempt.task, 1, TaskWaits([later], "run"))
    assert Task.objects.count() == count and state(parent) == "running" and not parent.dependencies.exists()
    assert enqueue(Sleep, SLEEP, parent=parent, depends_on=[child]).state == "blocked"


def test_what_is_rolled_back_was_never_waited_for(tasks_only):
    first = enqueue(Sleep, SLEEP)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        enqueue(Sleep, SLEEP, depends_on=[first])
        raise ZeroDivisionError
    assert not Dependency.objects.exists() and Task.objects.count() == 1
    task = enqueue(Sleep, SLEEP, depends_on=[first])
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        cancel(first)
        raise ZeroDivisionError
    assert (state(first), state(task)) == ("queued", "blocked")
    end(first)
    assert state(task) == "queued"


def test_whoever_ends_while_it_is_waited_for_is_seen(tasks_only, eventually):
    """The task is written and what it waits for ends at the same moment, again and again: none is left waiting."""
    pairs = [(enqueue(Sleep, SLEEP), enqueue(Sleep, SLEEP)) for _ in range(25)]
    made: list[Task] = []

    def write() -> None:
        try:
            for pair in pairs:
                barrier.wait(20)
                made.append(enqueue(Sleep, SLEEP, depends_on=pair))
        finally:
            connections.close_all()

    def finish(place: int) -> None:
        try:
            for pair in pairs:
                attempt = claim(pair[place].pk, "w")
                barrier.wait(20)
                assert settle(attempt.task, TaskState.SUCCEEDED, Ending(attempt=1)) == "succeeded"
        finally:
            connections.close_all()

    barrier = threading.Barrier(3)
    threads = [threading.Thread(target=write), *(threading.Thread(target=finish, args=[place]) for place in (0, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if connection.vendor != "sqlite":  # there writers take turns; elsewhere two commits may pass each other unseen
        Rescuer().rescue()
    assert len(made) == 25 and {state(task) for task in made} == {"queued"}
    assert {str(task.pk) for task in made} <= waiting()


def test_on_postgresql_what_two_commits_miss_is_let_go_on_by_the_next_pass_of_watch(postgres_url, tmp_path):
    environment = {**os.environ, "DATABASE_URL": postgres_url, "HUB_DATA": str(tmp_path)}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=REPOSITORY, env=environment, check=True)
    done = subprocess.run([sys.executable, "-m", "tasks.tests.moments"], cwd=REPOSITORY, env=environment,
                          stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "written_while_its_need_ends": ["blocked", "queued"],
        "the_last_two_end_at_once": ["blocked", "queued"],
        "somebody_holds_its_row": ["succeeded", "blocked", "queued"],
    }
    assert [step.every for step in steps_of("here") if step.name == "rescue"] == [2.0]


def test_the_rescuer_lets_go_on_what_nobody_released(tasks_only):
    """As when a process dies between a commit and its second look."""
    first, bad = enqueue(Sleep, SLEEP), enqueue(Sleep, SLEEP)
    task, skipped = enqueue(Sleep, SLEEP, depends_on=[first]), enqueue(Sleep, SLEEP, depends_on=[bad])
    waits = enqueue(Sleep, SLEEP, depends_on=[enqueue(Sleep, SLEEP)])
    Task.objects.filter(pk=first.pk).update(state="succeeded")
    Task.objects.filter(pk=bad.pk).update(state="failed")
    Rescuer().rescue()
    assert [state(each) for each in (task, skipped, waits)] == ["queued", "cancelled", "blocked"]


def test_over_the_api(tasks_only, api):
    first = enqueue(Sleep, SLEEP)
    body = {"job": "demo.sleep", "params": SLEEP, "depends_on": [str(first.pk)], "unless_succeeded": "run"}
    answer = api("operator").post("/api/tasks", body)
    assert answer.status_code == 202
    made = answer.json()
    assert made["state"] == "blocked" and made["depends_on"] == [str(first.pk)]
    assert api("viewer").get("/api/tasks").json()["items"][0]["depends_on"] == [str(first.pk)]
    count = Task.objects.count()
    refused = api("operator").post("/api/tasks", {**body, "depends_on": [str(uuid.uuid4())]})
    assert refused.status_code in (400, 422) and refused.json()["error"]["field"] == "depends_on"
    for bad in ({"depends_on": ["x"]}, {"depends_on": "x"}, {"unless_succeeded": "panic"}):
        assert api("operator").post("/api/tasks", {**body, **bad}).status_code in (400, 422)
    assert Task.objects.count() == count


# --- Children ---------------------------------------------------------------------------------------------------------


def test_a_task_waits_for_its_children_without_holding_a_worker(trial_workers, said, wait_for):
    trial_workers(1)  # so that it would wait for ever if it held the worker
    task = enqueue(jobs.Family, {"file": str(said), "children": ["a", "bad", "b"]})
    task = wait_for(task, "succeeded")
    assert task.result == {"children": [["a", "succeeded", {"word": "a"}], ["bad", "failed", None],
                                        ["b", "succeeded", {"word": "b"}]]}
    assert [attempt.outcome for attempt in task.attempts.all()] == ["waited", "succeeded"]
    assert said.read_text().split() == ["parent", "a", "b"]
    assert facts(task) == [
        "task.created", "task.started", "task.waiting", "task.released", "task.started", "task.succeeded", "trial.hook"
    ]
    assert {child.parent_id for child in Task.objects.exclude(pk=task.pk)} == {task.pk}


def test_a_failed_child_can_end_the_parent(trial_workers, said, wait_for):
    trial_workers()
    failing = enqueue(jobs.Family, {"file": str(said), "children": ["bad"], "unless": "fail"})
    skipped = enqueue(jobs.Family, {"file": str(said), "children": ["bad"], "unless": "skip"})
    assert wait_for(failing, "failed").error == "“trial.fail”, which it needs, failed."
    assert wait_for(skipped, "cancelled").attempt == 1


def test_when_the_parent_dies_before_it_waits_there_are_no_children_of_it(trial_workers, said, wait_for):
    trial_workers()
    task = wait_for(enqueue(jobs.Family, {"file": str(said), "children": ["a"], "die": 1}), "succeeded")
    assert [attempt.outcome for attempt in task.attempts.all()] == ["died", "waited", "succeeded"]
    assert said.read_text().split() == ["parent", "parent", "a"] and task.children.count() == 1


def test_when_a_child_and_its_worker_are_killed_the_parent_still_goes_on(trial_workers, said, wait_for, rescued):
    (worker,) = trial_workers()
    task = enqueue(jobs.Family, {"file": str(said), "children": ["patient"]})
    wait_for(task, "blocked")
    child = wait_for(task.children.get(), "running")
    worker.kill()
    with contextlib.suppress(ProcessLookupError):  # it dies with its worker
        os.kill(child.attempts.get().pid, signal.SIGKILL)
    trial_workers()
    rescued(lambda: state(task) == "succeeded")
    assert Task.objects.get(pk=task.pk).result == {"children": [["patient", "failed", None]]}


def test_an_attempt_that_was_superseded_makes_no_children(tasks_only):
    task = enqueue(jobs.Family, {"file": "", "children": ["a"]})
    attempt = claim(task.pk, "w")
    Task.objects.filter(pk=task.pk).update(attempt=2)
    waits = TaskWaits([Child(jobs.Say, {"file": ""})], "run")
    assert suspend(attempt.task, 1, waits) is None
    assert Task.objects.count() == 1 and state(task) == "running"


def test_a_task_that_is_being_cancelled_begins_no_children(tasks_only):
    task = enqueue(jobs.Family, {"file": "", "children": ["a"]})
    attempt = claim(task.pk, "w")
    Task.objects.filter(pk=task.pk).update(cancel_requested=True)
    assert suspend(attempt.task, 1, TaskWaits([Child(jobs.Say, {"file": ""})], "run")) == "cancelled"
    assert Task.objects.count() == 1


def test_a_child_that_cannot_be_leaves_no_other_behind(trial_workers, said, wait_for):
    attempt_of = enqueue(Sleep, SLEEP)
    attempt = claim(attempt_of.pk, "w")
    waits = TaskWaits([Child(Sleep, SLEEP), Child(Sleep, {"seconds": "x"})], "run")
    with pytest.raises(BadTask, match="seconds"):
        suspend(attempt.task, 1, waits)
    assert Task.objects.count() == 1 and state(attempt_of) == "running"
    trial_workers()
    assert "needs a child" in wait_for(enqueue(jobs.Nobody, {"file": str(said)}), "failed").error


def test_children_that_have_ended_before_do_not_keep_it_waiting(tasks_only):
    parent = enqueue(Sleep, SLEEP)
    child = enqueue(Sleep, SLEEP, parent=parent)
    end(child)
    attempt = claim(parent.pk, "w")
    assert suspend(attempt.task, 1, TaskWaits([child], "run")) == "queued"
    assert claim(parent.pk, "w").number == 2


def test_who_cancels_a_waiting_parent_cancels_its_children(tasks_only):
    parent = enqueue(Sleep, SLEEP)
    attempt = claim(parent.pk, "w")
    assert suspend(attempt.task, 1, TaskWaits([Child(Sleep, SLEEP), Child(Sleep, SLEEP)], "run")) == "blocked"
    bystander = enqueue(Sleep, SLEEP, parent=parent)  # it does not wait for this one
    first, second, _ = parent.children.order_by("id")
    end(first)
    assert cancel(parent).state == "cancelled"
    assert [state(each) for each in (first, second, bystander)] == ["succeeded", "cancelled", "queued"]
    with pytest.raises(AlreadyEnded):
        cancel(parent)


def test_the_api_tells_children_from_dependencies(tasks_only, api):
    parent = enqueue(Sleep, SLEEP)
    attempt = claim(parent.pk, "w")
    suspend(attempt.task, 1, TaskWaits([Child(Sleep, SLEEP)], "run"))
    child = parent.children.get()
    answer = api("viewer").get(f"/api/tasks/{parent.pk}").json()
    assert (answer["state"], answer["children"], answer["depends_on"]) == ("blocked", [str(child.pk)], [])
    assert answer["attempts"][0]["outcome"] == "waited"
    assert api("viewer").get(f"/api/tasks/{child.pk}").json()["parent"] == str(parent.pk)
    assert f"Waits for “{child.title}”." in signed_in("viewer").get(f"/tasks/{parent.pk}/").text
