"""Stopping what is no longer wanted."""

from __future__ import annotations

import os
import signal
import time
import uuid

import pytest
from django.conf import settings

from events.context import acting
from events.models import Event
from tasks import queue
from tasks.actions import AlreadyEnded, StillActive, SubjectBusy, cancel, enqueue, retry
from tasks.models import Task
from tasks.processes import began
from tasks.runner import claim
from tasks.settle import Ending, end_or_cancel, settle
from tasks.states import TaskState
from tasks.tests import jobs
from tasks.tests.test_run import facts, hooks


def test_a_queued_task_ends_at_once_and_never_starts(trial_workers, said, wait_for):
    task = enqueue(jobs.Say, {"file": str(said)}, subject="trial:1")
    with acting(actor="bob", via="page"):
        assert cancel(task).state == "cancelled"
    assert str(task.pk) not in queue.known().waiting
    queue.push([(task, queue.Terms(10, 20, 1))])  # as if it had been taken just before
    trial_workers()
    wait_for(enqueue(jobs.Say, {"file": str(said), "word": "next"}), "succeeded")
    task.refresh_from_db()
    assert (task.state, task.attempt, task.reason) == ("cancelled", 0, "Cancelled by bob.")
    assert said.read_text() == "next\n" and hooks(task) == ["cancelled"] and task.finished_at
    assert Event.objects.get(subject=f"hub.{settings.HUB_ID}.task.cancelled").actor == "bob"


@pytest.mark.alone
def test_a_running_task_tidies_up_and_is_cancelled_within_two_seconds(trial_workers, said, wait_for, eventually):
    trial_workers()
    with acting(actor="alice"):
        task = enqueue(jobs.Patient, {"file": str(said), "tidies": 0.5}, subject="trial:1")
    eventually(lambda: said.read_text() == "began\n")
    asked = time.monotonic()
    with acting(actor="bob", via="page"):
        told = cancel(task)
    assert told.state == "running" and told.cancel_requested
    with pytest.raises(SubjectBusy):  # not the task that is about to go
        enqueue(jobs.Patient, {"file": str(said), "tidies": 0.5}, subject="trial:1")
    task = wait_for(task, "cancelled", timeout=5)
    assert time.monotonic() - asked <= 2
    assert said.read_text() == "began\ntidied\n" and hooks(task) == ["cancelled"]
    assert task.reason == "Cancelled by bob." and task.attempts.get().outcome == "cancelled"
    assert "task.cancel_requested" in facts(task) and facts(task).count("task.cancelled") == 1
    assert Event.objects.get(subject=f"hub.{settings.HUB_ID}.task.cancel_requested").actor == "bob"
    assert Event.objects.get(subject=f"hub.{settings.HUB_ID}.task.cancelled").actor == "alice"


def test_a_job_that_will_not_stop_is_killed_after_its_grace_with_its_children(
    trial_workers, said, wait_for, eventually
):
    trial_workers()
    task = enqueue(jobs.Stubborn, {"file": str(said)})
    child = int(eventually(said.read_text).split()[1])
    asked = time.monotonic()
    cancel(task)
    task = wait_for(task, "cancelled", timeout=10)
    assert time.monotonic() - asked >= jobs.Stubborn.cancel_grace
    attempt = task.attempts.get()
    assert (attempt.outcome, attempt.signal) == ("died", "SIGKILL") and "did not stop within 1 s" in task.error
    assert "ignored" in said.read_text() and hooks(task) == ["cancelled"]
    eventually(lambda: began(child) is None)


def test_a_cancel_reaches_a_running_task_while_redis_is_away(
    trial_workers, redis_server, said, eventually, rescued
):
    trial_workers()
    task = enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: said.read_text() == "began\n")
    redis_server.kill()
    try:
        cancel(task)
        rescued(lambda: Task.objects.get(pk=task.pk).state == "cancelled")
    finally:
        redis_server.start()
    assert said.read_text() == "began\ntidied\n"


def test_a_hung_worker_does_not_keep_a_stubborn_task_alive(trial_workers, said, eventually, rescued):
    """The worker is frozen, so nobody but the rescuer can end what it runs."""
    (worker,) = trial_workers()
    task = enqueue(jobs.Stubborn, {"file": str(said)})
    eventually(said.read_text)
    os.kill(worker.pid, signal.SIGSTOP)
    cancel(task)
    rescued(lambda: Task.objects.get(pk=task.pk).state == "cancelled", timeout=20)
    assert task.attempts.get().outcome == "died"


@pytest.mark.django_db
def test_what_has_ended_cannot_be_cancelled_and_what_has_not_cannot_be_retried(said):
    task = enqueue(jobs.Say, {"file": str(said)})
    with pytest.raises(StillActive):
        retry(task)
    task = cancel(task)
    with pytest.raises(AlreadyEnded) as refusal:
        cancel(task)
    assert "was cancelled" in refusal.value.message
    again = retry(task)
    assert again.pk != task.pk and again.retry_of == task and again.params == task.params
    with pytest.raises(Task.DoesNotExist):
        cancel(uuid.uuid4())


@pytest.mark.django_db
def test_a_cancel_that_comes_while_it_fails_is_a_cancel(said):
    task = enqueue(jobs.Say, {"file": str(said)})
    attempt = claim(task.pk, "me").number
    failing = Task.objects.get(pk=task.pk)
    cancel(task)
    assert settle(failing, TaskState.FAILED, Ending(attempt=attempt, error="No.", wanted=True)) is None
    assert end_or_cancel(failing, Ending(attempt=attempt, error="No.")) == TaskState.CANCELLED
    assert hooks(task) == ["cancelled"] and facts(task).count("task.cancelled") == 1
