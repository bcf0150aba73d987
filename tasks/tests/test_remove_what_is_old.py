"""Old tasks and events are removed by rule, a little at a time, and nobody who works waits for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core.management import execute_from_command_line
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from conftest import REPOSITORY, process_environment
from events.models import Event
from tasks import queue
from tasks.actions import cancel, enqueue, retry
from tasks.jobs import Fail, Prune, Sleep
from tasks.models import Attempt, LogLine, Task
from tasks.retention.models import RetentionRule
from tasks.retention.pruning import by_rules, counted, older_than, prune
from tasks.schedules.models import Schedule
from tasks.tests import jobs

DAY = timedelta(days=1)


def ended(days: float, state: str = "succeeded", lane: str = "default", **fields: Any) -> Task:
    """A task that ended so many days ago."""
    then = timezone.now() - days * DAY
    return Task.objects.create(job="demo.sleep", title="Sleep", actor="mara", params={"seconds": 1}, state=state,
                               lane=lane, created_at=then, started_at=then, finished_at=then, **fields)  # fmt: skip


def many(number: int, lines: int = 2) -> None:
    """So many tasks that ended a year ago, each with an attempt and some lines."""
    then = timezone.now() - 365 * DAY
    made = Task.objects.bulk_create(
        Task(job="demo.sleep", title="Sleep", actor="mara", state="succeeded", created_at=then, finished_at=then)
        for _ in range(number)
    )  # fmt: skip
    Attempt.objects.bulk_create(
        Attempt(task=task, number=1, worker="w", host="h", pid=1, pid_started=1, correlation_id=task.correlation_id)
        for task in made
    )  # fmt: skip
    LogLine.objects.bulk_create((LogLine(task=task, text="x") for task in made for _ in range(lines)), batch_size=1000)


@pytest.mark.django_db
def test_the_most_exact_rule_counts_and_without_one_the_settings(settings):
    settings.HUB_KEEP_TASKS_DAYS = 100
    RetentionRule.objects.create(state="failed", days=None)
    RetentionRule.objects.create(lane="reports", days=10)
    RetentionRule.objects.create(state="cancelled", lane="reports", days=50)
    gone = [ended(101), ended(11, lane="reports"), ended(51, "cancelled", "reports"), ended(11, "failed", "reports"),
            ended(101, "cancelled", lane="gone-lane")]  # fmt: skip
    kept = [ended(99), ended(1000, "failed"), ended(9, lane="reports"), ended(49, "cancelled", "reports")]
    chosen = by_rules(timezone.now())
    assert sum(row["count"] for row in counted(chosen)) == len(gone)
    assert Task.objects.count() == len(gone) + len(kept)
    assert prune(chosen) == len(gone)
    assert set(Task.objects.all()) == set(kept)


@pytest.mark.django_db
def test_what_an_active_task_needs_stays_until_that_has_ended():
    parent, child, needed, tried, old = ended(90), ended(90), ended(90), ended(90), ended(90)
    active = Task.objects.create(job="demo.sleep", title="Sleep", actor="mara", state="running", parent=parent,
                                 retry_of=tried)  # fmt: skip
    Task.objects.filter(pk=child.pk).update(parent=active)
    active.dependencies.create(needs=needed)
    chosen = older_than(timezone.now() - 30 * DAY)
    assert prune(chosen) == 1 and not Task.objects.filter(pk=old.pk).exists()
    Task.objects.filter(pk=active.pk).update(state="succeeded", finished_at=timezone.now())
    assert prune(chosen) == 4
    active.refresh_from_db()
    assert (active.parent, active.retry_of, active.dependencies.count()) == (None, None, 0)


@pytest.mark.django_db
def test_a_chain_of_tasks_that_have_all_ended_goes():
    first = ended(90)
    second = ended(90, parent=first)
    second.dependencies.create(needs=first)
    ended(90, retry_of=second)
    assert prune(older_than(timezone.now() - 30 * DAY)) == 3 and not Task.objects.exists()


@pytest.mark.django_db
def test_every_hub_removes_old_history_each_day_unless_somebody_says_otherwise():
    Schedule.objects.all().delete()  # made by the migration, unless a test before has emptied the tables
    import_module("tasks.migrations.0004_schedules").keep_history_short(apps, None)
    schedule = Schedule.objects.get(job="tasks.prune")
    assert not schedule.paused and schedule.rhythm.words() == "30 4 * * *"


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(transactional_db, capsys):
    """`command("--older-than", "30d")` → (exit code, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            execute_from_command_line(["manage.py", "task", "prune", *arguments])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


def test_the_command_says_what_it_would_remove_and_removes_that(command):
    failed, report, new = ended(40, "failed"), ended(40, lane="reports"), ended(1)
    said = json.loads(command("--older-than", "30d", "--dry-run", "--json")[1])
    assert said == {"would_remove": 2, "by": [{"state": "failed", "lane": "default", "count": 1},
                                              {"state": "succeeded", "lane": "reports", "count": 1}]}  # fmt: skip
    assert "2 tasks would be removed." in command("--older-than", "30d", "--dry-run")[1] and Task.objects.count() == 3
    assert json.loads(command("--older-than", "30d", "--lane", "reports", "--json")[1]) == {"removed": 1}
    assert set(Task.objects.all()) == {failed, new} and not Task.objects.filter(pk=report.pk).exists()
    assert command("--older-than", "30d", "--state", "cancelled")[1] == "0 tasks removed.\n"
    assert json.loads(command("--json")[1]) == {"removed": 0}
    RetentionRule.objects.create(days=30)
    assert json.loads(command("--json")[1]) == {"removed": 1}
    assert list(Task.objects.all()) == [new]


@pytest.mark.parametrize("arguments", [
    ["--state", "failed"], ["--lane", "reports"], ["--older-than", "1y"], ["--older-than", "30d", "--state", "running"],
    ["--older-than", "30d", "--lane", "fast"],
])  # fmt: skip
def test_bad_input_of_the_command_removes_nothing(command, arguments):
    ended(400, "failed")
    code, out, error = command(*arguments)
    assert code == 2 and out == "" and error and Task.objects.count() == 1


# --- while others work ------------------------------------------------------------------------------------------------


@pytest.fixture
def pruning():
    """Starts `manage.py task prune --older-than 30d`; it is killed when the test ends."""
    started = []

    def start() -> subprocess.Popen:
        arguments = [sys.executable, "manage.py", "task", "prune", "--older-than", "30d"]
        started.append(subprocess.Popen(arguments, cwd=REPOSITORY, env=process_environment(), stdout=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.django_db(transaction=True)
@pytest.mark.alone
def test_no_enqueue_waits_for_what_is_being_removed(redis_server, pruning, eventually):
    redis_server.client().flushall()
    many(600, lines=4)
    process, waits = pruning(), []
    eventually(lambda: Task.objects.count() < 600, 20)
    while process.poll() is None and len(waits) < 100:
        begun = time.monotonic()
        enqueue(Sleep, {"seconds": 0})
        waits.append(time.monotonic() - begun)
        time.sleep(0.01)
    waits.sort()
    print(f"enqueue while pruning: {len(waits)}, median {waits[len(waits) // 2]:.4f} s, longest {waits[-1]:.3f} s")
    # One transaction takes some 20 ms; what a person would notice is far above that, also on a loaded machine.
    assert len(waits) > 20 and waits[-1] < 1.0
    assert process.wait(60) == 0
    assert Task.objects.count() == len(waits) and not LogLine.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_removal_that_is_killed_leaves_whole_tasks_and_the_next_goes_on(pruning, eventually):
    many(400)
    process = pruning()
    eventually(lambda: Task.objects.count() < 360, 20)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = Task.objects.count()
    assert 0 < left < 400 and Attempt.objects.count() == left
    assert pruning().wait(60) == 0
    assert not Task.objects.exists() and not Attempt.objects.exists() and not LogLine.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_task_that_is_tried_again_meanwhile_stays(redis_server):
    old = [ended(90) for _ in range(60)]
    again: list[Task] = []

    def told(removed: int) -> None:
        if not again:
            with transaction.atomic():
                again.append(retry(old[-1]))

    assert prune(older_than(timezone.now() - 30 * DAY), told) == 59
    assert again[0].retry_of == old[-1] and Task.objects.filter(pk=old[-1].pk).exists()


def test_the_daily_task_removes_tasks_events_and_what_redis_kept_for_nobody(workers, wait_for, settings):
    old, new = ended(401), ended(1)
    RetentionRule.objects.create(lane="reports", days=1)
    report = ended(2, lane="reports")
    for action, days in [("task.created", 101), ("audit.signed-in", 500), ("project.started", 401)]:
        subject = f"hub.{settings.HUB_ID}.{action}"
        Event.objects.create(subject=subject, actor="x", timestamp=timezone.now() - days * DAY)
    redis = queue.connection()
    redis.hset("rq:job:nobody", "status", "queued")
    scheduled = enqueue(Sleep, {"seconds": 1}, lane="metrics")
    workers(lanes="default")
    task = wait_for(enqueue(Prune, {}), "succeeded", timeout=30)
    assert task.result == {"tasks": 2, "events": 2, "records": 1}
    assert not Task.objects.filter(pk__in=[old.pk, report.pk]).exists() and Task.objects.filter(pk=new.pk).exists()
    assert [event.subject for event in Event.objects.filter(actor="x")] == [f"hub.{settings.HUB_ID}.audit.signed-in"]
    assert queue.lasting_records() >= {str(scheduled.pk)} and not redis.exists("rq:job:nobody")


def test_redis_keeps_nothing_for_ever_of_what_has_ended(trial_workers, said, wait_for, eventually):
    trial_workers()
    tasks = [enqueue(jobs.Say, {"file": str(said)}) for _ in range(5)]
    tasks += [enqueue(jobs.Fail, {"file": str(said)}), enqueue(jobs.Exit, {"file": str(said)})]
    running = enqueue(jobs.Patient, {"file": str(said)})
    tasks.append(cancel(enqueue(Fail, {}, lane="reports", priority=1)))
    for task in tasks:
        wait_for(task, "succeeded", "failed", "cancelled")
    wait_for(running, "running")
    cancel(running)
    wait_for(running, "cancelled")
    eventually(lambda: not queue.lasting_records(), 10)
    redis = queue.connection()
    lives = {key: redis.ttl(key) for key in redis.scan_iter("rq:job:*")}
    assert all(0 <= life <= 300 for life in lives.values()), lives


def test_the_admin_site_keeps_the_rules(admin_client):
    add = reverse("admin:tasks_retentionrule_add")
    assert admin_client.post(add, {"state": "failed", "lane": "reports", "days": "30"}).status_code == 302
    assert "already exists" in admin_client.post(add, {"state": "failed", "lane": "reports", "days": "5"}).text
    assert admin_client.post(add, {"state": "", "lane": "", "days": "0"}).status_code == 200
    assert admin_client.post(add, {"state": "running", "lane": "", "days": "1"}).status_code == 200
    assert [str(rule) for rule in RetentionRule.objects.all()] == ["failed, reports: for 30 days"]
    listing = admin_client.get(reverse("admin:tasks_retentionrule_changelist")).text
    assert "kept for 400 days" in listing
