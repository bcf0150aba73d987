"""A task that runs to its end, in whichever way it ends."""

from __future__ import annotations

import json
import pickle
import uuid

from django.conf import settings

from events.context import acting
from events.models import Event
from tasks.actions import enqueue, retry
from tasks.jobs import Fail as DemoFail
from tasks.models import Attempt, Task
from tasks.processes import here
from tasks.tests import jobs


def hooks(task: Task) -> list[str]:
    events = Event.objects.filter(subject=f"hub.{settings.HUB_ID}.trial.hook").order_by("id")
    return [event.payload["hook"] for event in events if event.payload["task"] == str(task.pk)]


def facts(task: Task) -> list[str]:
    events = [event for event in Event.objects.order_by("id") if event.payload.get("task") == str(task.pk)]
    return [event.subject.removeprefix(f"hub.{settings.HUB_ID}.") for event in events]


def test_it_runs_once_and_everything_carries_its_correlation_id_and_actor(trial_workers, said, wait_for):
    worker, *_ = trial_workers(2)
    correlation = uuid.uuid4()
    with acting(actor="alice", via="page", correlation=correlation):
        task = enqueue(jobs.Say, {"file": str(said)}, subject="trial:1")
    task = wait_for(task, "succeeded")
    assert said.read_text() == "ran\n"
    attempt = task.attempts.get()
    assert task.result == {"pid": attempt.pid} and task.progress == 100 and task.error == ""
    assert (attempt.number, attempt.outcome, attempt.host) == (1, "succeeded", here().host)
    assert attempt.worker.startswith("test-") and attempt.pid != worker.pid
    assert task.created_at <= attempt.started_at <= attempt.ended_at == task.finished_at
    line = task.log_lines.get()
    assert (line.text, line.source, line.level, line.attempt) == ("said it", "mouth", "info", 1)
    assert {attempt.correlation_id, line.correlation_id} == {correlation}
    assert facts(task) == ["task.created", "task.started", "task.succeeded", "trial.hook"]
    events = Event.objects.filter(correlation_id=correlation)
    assert {event.actor for event in events} == {"alice"} and events.count() == 4
    assert set(events.values_list("origin", flat=True)) == {"page", "worker"}


def test_each_way_of_failing_is_told(trial_workers, said, wait_for):
    trial_workers(2)
    params = {"file": str(said)}
    failed, raised, bad_result, exited, shot, slow = (
        enqueue(job, params)
        for job in (jobs.Fail, jobs.Raise, jobs.NoJson, jobs.Exit, jobs.Shot, jobs.Slow)
    )

    task = wait_for(failed, "failed")
    assert (task.error, task.detail) == ("The cat sat on the keyboard.", "It was a big cat.")
    assert task.progress != 100 and task.result is None and hooks(task) == ["failed"]
    assert task.log_lines.get().text == "about to fail"

    task = wait_for(raised, "failed")
    assert task.error == "LookupError: nothing here" and "in run" in task.detail

    assert "its result is not JSON" in wait_for(bad_result, "failed").error

    task = wait_for(exited, "failed")
    assert task.error == "Its process ended with exit code 3. The last step was “Leave without a word”."
    attempt = task.attempts.get()
    assert (attempt.outcome, attempt.exit_code, attempt.signal) == ("died", 3, "")
    assert hooks(task) == ["failed"]

    task = wait_for(shot, "failed")
    attempt = task.attempts.get()
    assert (attempt.outcome, attempt.exit_code, attempt.signal) == ("died", None, "SIGKILL")
    assert "SIGKILL" in task.error and hooks(task) == ["failed"]

    task = wait_for(slow, "failed")
    assert task.error == "It took longer than 1 s, so it was stopped." and said.read_text() == "told\n"


def test_a_hook_that_raises_ends_the_task_as_failed_and_leaves_nothing_half_done(trial_workers, said, wait_for):
    trial_workers()
    task = wait_for(enqueue(jobs.BadHook, {"file": str(said)}, subject="trial:1"), "failed", "succeeded")
    assert task.state == "failed" and "no room at the inn" in task.error
    assert task.title == "trial.bad-hook" and task.result is None and task.progress != 100
    assert task.attempts.get().outcome == "failed" and hooks(task) == ["failed"]
    assert facts(task).count("task.succeeded") == 0


def test_a_job_that_is_not_there_any_more_fails_its_task(trial_workers, said, wait_for):
    task = enqueue(jobs.Say, {"file": str(said)})
    Task.objects.filter(pk=task.pk).update(job="trial.gone")
    trial_workers()
    assert "no job named 'trial.gone'" in wait_for(task, "failed").error


def test_the_highest_priority_runs_first_and_equal_ones_in_order(trial_workers, said, wait_for):
    tasks = [
        enqueue(jobs.Say, {"file": str(said), "word": f"{priority}{letter}"}, priority=priority)
        for priority, letter in ((1, "a"), (5, "a"), (10, "a"), (5, "b"), (10, "b"), (2, "a"))
    ]
    trial_workers()
    for task in tasks:
        wait_for(task, "succeeded")
    assert said.read_text().split() == ["10a", "10b", "5a", "5b", "2a", "1a"]


def test_a_worker_takes_only_its_lanes(trial_workers, said, wait_for, eventually):
    trial_workers(1, lanes="reports")
    other = enqueue(jobs.Say, {"file": str(said), "word": "other"}, lane="default")
    mine = enqueue(jobs.Say, {"file": str(said), "word": "mine"}, lane="reports", priority=1)
    wait_for(mine, "succeeded")
    assert said.read_text() == "mine\n" and Task.objects.get(pk=other.pk).state == "queued"


def test_fifty_tasks_on_two_workers_each_run_once(trial_workers, said, wait_for):
    trial_workers(2)
    tasks = [enqueue(jobs.Say, {"file": str(said), "word": str(number)}) for number in range(50)]
    for task in tasks:
        wait_for(task, "succeeded", timeout=30)
    assert sorted(map(int, said.read_text().split())) == list(range(50))
    assert Attempt.objects.count() == 50


def test_demo_fail_is_tried_again_as_often_as_asked_or_fails_for_good(workers, wait_for, rescued):
    workers()
    sometimes = enqueue(DemoFail, {"message": "Oh no.", "times": 2})
    failed = wait_for(enqueue(DemoFail, {"message": "Oh no."}), "failed")
    assert (failed.error, failed.attempts.count()) == ("Oh no.", 1)
    rescued(lambda: Task.objects.get(pk=sometimes.pk).has_ended)
    assert wait_for(sometimes, "succeeded").result == {"failures": 2}
    assert list(sometimes.attempts.values_list("outcome", "error")) == [
        ("failed", "Oh no."), ("failed", "Oh no."), ("succeeded", "")]
    again = retry(failed)
    assert again.retry_of == failed and wait_for(again, "failed").error == "Oh no."


def test_what_is_queued_carries_only_the_id(trial_workers, redis_server, said):
    task = enqueue(jobs.Say, {"file": str(said), "word": "secret"})
    record = redis_server.client().hgetall(f"rq:job:{task.pk}")
    assert b"secret" not in b"".join(record.values())
    assert 0 < int(record[b"failure_ttl"]) <= 600 and 0 < int(record[b"result_ttl"]) <= 600


def test_a_job_that_hub_did_not_make_is_dropped_and_the_worker_goes_on(
    trial_workers, redis_server, said, wait_for, tmp_path
):
    """Whoever writes to Redis names a function: the worker runs none but its own."""
    (worker,) = trial_workers()
    client, mark = redis_server.client(), tmp_path / "mark"
    evil = {
        "foreign": json.dumps(["os.system", None, [f"touch {mark}"], {}]).encode(),
        "no-task": json.dumps(["tasks.runner.run_task", None, ["../../etc/passwd"], {}]).encode(),
        "no-list": b'"no list"',
        "pickle": pickle.dumps(("os.system", None, [f"touch {mark}"], {})),
    }
    for name, data in evil.items():
        client.hset(f"rq:job:{name}", mapping={"data": data, "created_at": "2026-01-01T00:00:00Z", "status": "queued",
                                               "origin": "hub:default:10", "timeout": 10})
    client.hset("rq:job:no-date", mapping={"data": b"", "created_at": "yesterday"})
    client.rpush("rq:queue:hub:default:10", *evil, "no-date", "no-record")
    wait_for(enqueue(jobs.Say, {"file": str(said)}), "succeeded")
    assert not mark.exists() and worker.process.poll() is None
    assert not client.exists(*(f"rq:job:{name}" for name in evil))
