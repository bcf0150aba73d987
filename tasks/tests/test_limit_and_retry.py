"""Tasks that take too long, and tasks that are tried again."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.tests.people import signed_in
from hub.env import EnvError, read_env
from tasks.actions import cancel, enqueue
from tasks.job import Job, JobFailed
from tasks.models import Task
from tasks.retries import pause
from tasks.runner import claim
from tasks.settle import Ending, failed
from tasks.tests import jobs
from tasks.tests.test_run import facts, hooks


def outcomes(task: Task) -> list[str]:
    return [attempt.outcome for attempt in task.attempts.all()]


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_at_the_soft_limit_it_is_told_and_at_the_hard_limit_it_is_killed_by_name(trial_workers, said, wait_for):
    trial_workers()
    task = wait_for(enqueue(jobs.Deaf, {"file": str(said)}), "failed", timeout=8)
    assert said.read_text() == "told\n"
    assert task.error == "It ran longer than its hard limit of 2 s, so it was killed."
    attempt = task.attempts.get()
    assert (attempt.outcome, attempt.signal) == ("failed", "SIGKILL") and hooks(task) == ["failed"]


def test_a_job_that_says_nothing_has_the_limits_of_the_settings(settings):
    assert (settings.HUB_TASK_SOFT_LIMIT, settings.HUB_TASK_HARD_LIMIT) == (3600, 7200)
    assert Job.limits() == (3600, 7200)
    settings.HUB_TASK_SOFT_LIMIT, settings.HUB_TASK_HARD_LIMIT = 60, 90
    assert Job.limits() == (60, 90)
    only_soft = type("OnlySoft", (Job,), {"timeout": 10, "cancel_grace": 5})
    only_hard = type("OnlyHard", (Job,), {"hard_timeout": 30})
    both = type("Both", (Job,), {"timeout": 10, "hard_timeout": 11})
    assert (only_soft.limits(), only_hard.limits(), both.limits()) == ((10, 15), (30, 30), (10, 11))
    with pytest.raises(TypeError, match="killed before it is told"):
        type("Wrong", (Job,), {"timeout": 10, "hard_timeout": 9})


def test_the_limits_of_the_settings_reach_the_queue(transactional_db, redis_server, settings):
    settings.HUB_TASK_SOFT_LIMIT, settings.HUB_TASK_HARD_LIMIT = 60, 90
    redis_server.client().flushall()
    task = enqueue(jobs.Fail, {})
    record = redis_server.client().hgetall(f"rq:job:{task.pk}")
    assert record[b"timeout"] == b"60" and b'"hard": 90' in record[b"meta"]


@pytest.mark.parametrize(
    ("soft", "hard", "words"),
    [("0", "10", "HUB_TASK_SOFT_LIMIT"), ("1h", "10", "HUB_TASK_SOFT_LIMIT"), ("10", "x", "HUB_TASK_HARD_LIMIT"),
     ("10", "10", "above the soft one"), ("20", "10", "above the soft one")],
)  # fmt: skip
def test_limits_that_cannot_be_used_stop_the_start_with_one_clear_line(soft, hard, words, tmp_path):
    environ = {"HUB_DATA": str(tmp_path), "HUB_PROJECTS_ROOT": str(tmp_path)}
    with pytest.raises(EnvError, match=words):
        read_env({**environ, "HUB_TASK_SOFT_LIMIT": soft, "HUB_TASK_HARD_LIMIT": hard})
    assert read_env(environ).task_limits == (3600, 7200)


# --- Retries ----------------------------------------------------------------------------------------------------------


def test_a_job_with_retries_is_tried_again_after_a_pause_and_each_attempt_is_kept(trial_workers, said, rescued):
    trial_workers()
    task = enqueue(jobs.Flaky, {"file": str(said), "do": "fail fail ok"}, subject="trial:1")
    rescued(lambda: Task.objects.get(pk=task.pk).has_ended)
    task.refresh_from_db()
    assert (task.state, task.attempt, task.error, task.detail) == ("succeeded", 3, "", "")
    assert outcomes(task) == ["failed", "failed", "succeeded"] and hooks(task) == ["succeeded"]
    first, second, _ = task.attempts.all()
    assert (first.error, second.error) == ("Attempt 1 did not work.", "Attempt 2 did not work.")
    # At least half of 0.2 s, and of 0.4 s.
    begun = [attempt.started_at for attempt in task.attempts.all()]
    assert (begun[1] - first.ended_at).total_seconds() >= 0.1 and (begun[2] - second.ended_at).total_seconds() >= 0.2
    assert facts(task)[:4] == ["task.created", "task.started", "task.retrying", "task.queued"]
    assert task.wait() == task.started_at - task.created_at


def test_when_the_retries_are_used_up_it_has_failed_with_the_last_error(trial_workers, said, rescued):
    trial_workers()
    task = enqueue(jobs.Flaky, {"file": str(said), "do": "fail"})
    rescued(lambda: Task.objects.get(pk=task.pk).has_ended)
    task.refresh_from_db()
    assert (task.state, task.error, outcomes(task)) == ("failed", "Attempt 3 did not work.", ["failed"] * 3)
    assert hooks(task) == ["failed"]


def test_an_error_that_never_retries_ends_it_at_once(trial_workers, said, wait_for):
    trial_workers()
    task = wait_for(enqueue(jobs.Flaky, {"file": str(said), "do": "value"}), "failed")
    assert task.error == "ValueError: never again" and outcomes(task) == ["failed"]


def test_deaths_and_errors_are_counted_each_for_itself(trial_workers, said, rescued):
    """One death and two errors are allowed."""
    trial_workers()
    fine = enqueue(jobs.Flaky, {"file": str(said), "do": "fail die fail ok"})
    dead = enqueue(jobs.Flaky, {"file": str(said), "do": "die fail die"})
    late = enqueue(jobs.Flaky, {"file": str(said), "do": "time ok"})
    rescued(lambda: all(Task.objects.get(pk=each.pk).has_ended for each in (fine, dead, late)))
    states = {each: Task.objects.get(pk=each.pk).state for each in (fine, dead, late)}
    assert states == {fine: "succeeded", dead: "failed", late: "succeeded"}
    assert outcomes(fine) == ["failed", "died", "failed", "succeeded"]
    assert outcomes(dead) == ["died", "failed", "died"]
    assert outcomes(late) == ["failed", "succeeded"] and "longer than 1 s" in late.attempts.first().error


def test_while_it_waits_for_its_retry_everybody_says_when(trial_workers, said, wait_for, api):
    trial_workers()
    task = wait_for(enqueue(jobs.LaterFlaky, {"file": str(said), "do": "fail"}, subject="trial:1"), "scheduled")
    assert 295 < (task.run_at - timezone.now()).total_seconds() <= 600
    shown = f"{task.run_at:%Y-%m-%d %H:%M:%S} UTC"
    page = signed_in("viewer").get(f"/tasks/{task.pk}/").text
    assert f"Runs at {shown} · Retry 1 of 2. Attempt 1 did not work." in page and "An earlier attempt failed" in page
    answer = api("viewer").get(f"/api/tasks/{task.pk}").json()
    assert answer["state"] == "scheduled" and answer["error"] == "Attempt 1 did not work."
    assert answer["run_at"] == task.run_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert [attempt["outcome"] for attempt in answer["attempts"]] == ["failed"]
    # It is still the one active task of its subject, and can be cancelled.
    assert enqueue(jobs.LaterFlaky, task.params, subject="trial:1") == task
    assert cancel(task).state == "cancelled" and hooks(task) == ["cancelled"]


@pytest.mark.django_db(transaction=True)
def test_a_task_that_fails_while_it_is_being_cancelled_is_not_tried_again(redis_server):
    task = enqueue(jobs.Flaky, {"do": "fail"})
    attempt = claim(task.pk, "w")
    Task.objects.filter(pk=task.pk).update(cancel_requested=True)
    assert failed(attempt.task, JobFailed, Ending(attempt=1, error="No.")) == "cancelled"
    task.refresh_from_db()
    assert (task.state, task.run_at) == ("cancelled", None)
    # Also one that has no retries: it was stopped, whatever it says about that.
    task = enqueue(jobs.Fail, {"file": ""})
    attempt = claim(task.pk, "w")
    Task.objects.filter(pk=task.pk).update(cancel_requested=True)
    assert failed(attempt.task, JobFailed, Ending(attempt=1, error="I was cut off.")) == "cancelled"
    assert Task.objects.get(pk=task.pk).error == "I was cut off."


@pytest.mark.django_db(transaction=True)
def test_an_old_attempt_that_fails_late_schedules_nothing(redis_server):
    task = enqueue(jobs.Flaky, {"do": "fail"})
    claim(task.pk, "w")
    Task.objects.filter(pk=task.pk).update(attempt=2)
    assert failed(Task.objects.get(pk=task.pk), JobFailed, Ending(attempt=1, error="No.")) is None
    assert Task.objects.get(pk=task.pk).state == "running"


def test_the_pause_doubles_is_capped_and_is_spread_over_its_second_half():
    job = type("Paused", (Job,), {"backoff": 10, "backoff_cap": 60})
    assert [pause(job, retry, 1.0) for retry in (1, 2, 3, 4, 5000)] == [10, 20, 40, 60, 60]
    assert [pause(job, retry, 0.0) for retry in (1, 2, 3, 4)] == [5, 10, 20, 30]
    spread = [pause(job, 1) for _ in range(200)]
    assert all(5 <= seconds <= 10 for seconds in spread) and len(set(spread)) > 100


def test_the_command_shows_when_it_runs_again(transactional_db, redis_server, capsys):
    task = enqueue(jobs.LaterFlaky, {"do": "fail"})
    attempt = claim(task.pk, "w")
    assert failed(attempt.task, JobFailed, Ending(attempt=1, error="No.")) == "scheduled"
    call_command("task", "show", str(task.pk))
    said = capsys.readouterr().out
    assert f"runs at   {attempt.task.run_at:%Y-%m-%d %H:%M:%S} UTC" in said and "attempt   1 on w: failed" in said
