"""Schedules run when they are due: by the clock of their zone, once, whoever looks and whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from conftest import REPOSITORY, process_environment
from events.models import Event
from tasks import queue
from tasks.actions import cancel
from tasks.models import Task
from tasks.scheduler import tick
from tasks.schedules import actions
from tasks.schedules.models import Schedule
from tasks.schedules.times import Rhythm

NAP = {"job": "demo.sleep", "params": {"seconds": 60}}
HOUR = timedelta(hours=1)


# --- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("zone", "cron", "start", "wall"), [
    # The clocks of Zurich jump from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
    ("Europe/Zurich", "30 2 * * *", "2026-03-28T12:00", ["29 03:00+0200", "30 02:30+0200"]),
    ("Europe/Zurich", "0 2,4 * * *", "2026-03-29T00:00", ["29 03:00+0200", "29 04:00+0200", "30 02:00+0200"]),
    ("Europe/Zurich", "*/30 * * * *", "2026-03-29T01:20", ["29 01:30+0100", "29 03:00+0200", "29 03:30+0200"]),
    ("Europe/Zurich", "30 2 * * *", "2026-10-24T12:00", ["25 02:30+0200", "26 02:30+0100"]),
    ("Europe/Zurich", "0,30 2 * * *", "2026-10-24T12:00", ["25 02:00+0200", "25 02:30+0200", "26 02:00+0100"]),
    ("Europe/Zurich", "0 * * * *", "2026-10-25T01:20", ["25 02:00+0200", "25 02:00+0100", "25 03:00+0100"]),
    ("Europe/Zurich", "0 9 * * *", "2026-10-24T12:00", ["25 09:00+0100", "26 09:00+0100"]),
    # Half an hour, in the southern spring and autumn.
    ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00", ["04 02:30+1100", "05 02:15+1100"]),
    ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00", ["05 01:45+1100", "06 01:45+1030"]),
    # A clock that goes neither back nor forth, and a time before midnight there which is the day before here.
    ("Asia/Kolkata", "0 0 * * mon", "2026-03-26T12:00", ["30 00:00+0530"]),
    ("UTC", "0 12 29 2 *", "2026-03-01T00:00", ["29 12:00+0000"]),
])  # fmt: skip
def test_a_cron_expression_follows_the_clock_on_the_wall(zone, cron, start, wall):
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    times = Rhythm(cron=cron, zone=zone).following(begin, len(wall))
    assert [f"{each.astimezone(ZoneInfo(zone)):%d %H:%M%z}" for each in times] == wall
    assert times == sorted(set(times)) and all(each.tzinfo == UTC for each in times)


def test_an_interval_is_real_time_and_keeps_its_step():
    start = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    rhythm = Rhythm(every=3600, zone="Europe/Zurich")
    assert rhythm.following(start, 3) == [start + HOUR, start + 2 * HOUR, start + 3 * HOUR]
    late = start + timedelta(hours=5, minutes=20)
    assert rhythm.after(late, anchor=start) == start + 6 * HOUR


# --- the scheduler ----------------------------------------------------------------------------------------------------


@pytest.fixture
def schedules(transactional_db, redis_server) -> Iterator[None]:
    """An empty queue, and no schedule but those of the test."""
    redis_server.client().flushall()
    Schedule.objects.all().delete()
    yield
    redis_server.client().flushall()


@pytest.fixture
def due(schedules) -> Callable[..., Schedule]:
    """`due("Naps", hours=3)`: a schedule that was due so long ago."""

    def make(name: str = "Naps", hours: float = 0, **fields) -> Schedule:
        schedule = actions.create(**{"name": name, "interval": "1h", **NAP, **fields})
        was = timezone.now() - timedelta(hours=hours, seconds=1)
        Schedule.objects.filter(pk=schedule.pk).update(next_run_at=was)
        return Schedule.objects.get(pk=schedule.pk)

    return make


def runs() -> int:
    return Event.objects.filter(subject__endswith=".schedule.ran").count()


def test_a_run_is_a_task_of_the_schedule_and_the_next_is_planned(due):
    schedule = due(lane="reports", priority=8)
    before = schedule.next_run_at
    assert "runs as task" in tick()[0]
    task = Task.objects.get()
    assert (task.schedule, task.lane, task.priority, task.actor) == (schedule, "reports", 8, "schedule:Naps")
    assert queue.known().waiting == {str(task.pk)}
    schedule.refresh_from_db()
    assert schedule.next_run_at == before + HOUR and schedule.last_task == task and schedule.last_run_at
    assert tick() == [] and Task.objects.count() == 1


def test_after_an_outage_there_is_exactly_one_run_and_then_the_old_step(due):
    schedule = due(hours=49.5)
    before = schedule.next_run_at
    daily = due("Daily", hours=24 * 30, interval="", cron="0 4 * * *")
    tick()
    tick()
    assert Counter(Task.objects.values_list("schedule__name", flat=True)) == {"Naps": 1, "Daily": 1}
    schedule.refresh_from_db()
    daily.refresh_from_db()
    assert schedule.next_run_at == before + 50 * HOUR and daily.next_run_at > timezone.now()


def test_what_was_missed_while_it_was_paused_is_not_made_up_for(due):
    schedule = due(hours=5)
    actions.pause(schedule)
    assert tick() == []
    actions.resume(schedule)
    assert tick() == [] and not Task.objects.exists()
    assert schedule.next_run_at > timezone.now()


def again(schedule: Schedule) -> list[str]:
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=timezone.now() - timedelta(seconds=1))
    return tick()


def test_skip_leaves_a_run_out_while_the_last_one_goes_on(due):
    schedule = due(overlap="skip")
    tick()
    assert "left out" in again(schedule)[0]
    assert Task.objects.count() == 1 and Event.objects.filter(subject__endswith=".schedule.skipped").count() == 1
    cancel(Task.objects.get())
    assert tick() == [] and "runs as task" in again(schedule)[0]


def test_queue_runs_once_when_the_last_one_has_ended_however_often_it_was_due(due):
    schedule = due(overlap="queue")
    tick()
    assert "waits for" in again(schedule)[0] and "waits for" in again(schedule)[0]
    assert tick() == [] and Task.objects.count() == 1
    cancel(Task.objects.get())
    assert "runs as task" in tick()[0] and tick() == []
    assert Task.objects.count() == 2 and not Schedule.objects.get().waiting


def test_cancel_running_stops_the_last_one_and_runs_when_it_has_ended(due, trial_workers, wait_for, eventually):
    schedule = due(overlap="cancel-running")
    trial_workers()
    tick()
    first = wait_for(Task.objects.get(), "running")
    again(schedule)
    wait_for(first, "cancelled")
    eventually(lambda: tick() or Task.objects.count() == 2)
    second = Task.objects.exclude(pk=first.pk).get()
    assert second.created_at >= Task.objects.get(pk=first.pk).finished_at
    wait_for(second, "running")
    cancel(second)


def test_a_job_that_is_gone_or_refuses_is_said_and_hinders_nobody(due):
    gone, refused, good = due("gone"), due("refused"), due("good")
    Schedule.objects.filter(pk=gone.pk).update(job="demo.gone")
    Schedule.objects.filter(pk=refused.pk).update(params={"seconds": -1})
    tick()
    gone.refresh_from_db()
    refused.refresh_from_db()
    assert "no job named 'demo.gone'" in gone.problem and "seconds" in refused.problem
    assert gone.next_run_at > timezone.now() and Task.objects.get().schedule == good
    Schedule.objects.filter(pk=refused.pk).update(params={"seconds": 1})
    again(refused)
    refused.refresh_from_db()
    assert refused.problem == "" and refused.last_task is not None


def test_a_schedule_whose_time_zone_is_gone_is_paused_and_says_so(due):
    broken, good = due("broken", interval="", cron="0 * * * *"), due("good")
    Schedule.objects.filter(pk=broken.pk).update(zone="Atlantis/Capital")
    tick()
    broken.refresh_from_db()
    assert broken.paused and "Atlantis" in broken.problem and Task.objects.get().schedule == good


# --- many schedulers, and deaths --------------------------------------------------------------------------------------

LOOK = """
import sys, time, django
django.setup()
from tasks.scheduler import tick
print("ready", flush=True)
sys.stdin.readline()
while True:
    tick()
    time.sleep(0.005)
"""
DIE_BEFORE_COMMIT = """
import os, signal, django
django.setup()
from django.db import connection
from tasks.scheduler import tick
def die(execute, sql, params, many, context):
    answer = execute(sql, params, many, context)
    if sql.startswith('INSERT INTO "tasks_task"'):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
with connection.execute_wrapper(die):
    tick()
"""
DIE_BEFORE_PUSH = """
import os, signal, django
django.setup()
from tasks import queue, scheduler
queue.push = lambda *args, **options: os.kill(os.getpid(), signal.SIGKILL)
scheduler.tick()
"""


@pytest.fixture
def scheduler() -> Iterator[Callable[[str], subprocess.Popen]]:
    """Starts a process with a scheduler; it is killed when the test ends."""
    started: list[subprocess.Popen] = []

    def start(code: str = LOOK) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, env=process_environment(), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_many_schedulers_that_race_and_die_run_each_schedule_once(due, scheduler, eventually):
    names = [f"S{number}" for number in range(30)]
    for name in names:
        due(name, hours=10)
    racers = [scheduler() for _ in range(3)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    eventually(lambda: runs() > 5)
    os.kill(racers[0].pid, signal.SIGKILL)
    eventually(lambda: not Schedule.objects.filter(next_run_at__lte=timezone.now()).exists(), 30)
    assert Counter(Task.objects.values_list("schedule__name", flat=True)) == dict.fromkeys(names, 1)
    assert runs() == len(names)


@pytest.mark.parametrize("code", [DIE_BEFORE_COMMIT, DIE_BEFORE_PUSH])
def test_a_death_in_the_middle_loses_no_run_and_repeats_none(due, scheduler, rescued, code):
    due(hours=10)
    victim = scheduler(code)
    assert victim.wait(20) == -signal.SIGKILL
    assert Task.objects.count() == (0 if code == DIE_BEFORE_COMMIT else 1)
    assert not queue.known().waiting
    tick()
    tick()
    task = Task.objects.get()
    rescued(lambda: queue.known().waiting == {str(task.pk)})
    assert runs() == 1


def test_two_watches_run_a_schedule_once_a_second_and_one_goes_on_when_the_other_is_killed(
    due, workers, eventually, tmp_path
):
    workers()
    actions.create(name="Beat", job="demo.sleep", params={"seconds": 0}, interval="1s")
    watches = []
    try:
        for number in range(2):
            with (tmp_path / f"watch-{number}.log").open("wb") as log:
                watches.append(subprocess.Popen([sys.executable, "manage.py", "watch"], cwd=REPOSITORY,
                                                env=process_environment(), stdout=log, stderr=log))  # fmt: skip
            time.sleep(0.5)  # so that it is the first that leads
        eventually(lambda: Task.objects.filter(state="succeeded").count() >= 3, 60)
        watches[0].kill()
        before = Task.objects.count()
        eventually(lambda: Task.objects.filter(state="succeeded").count() >= before + 3, 60)
    finally:
        for watch in watches:
            watch.kill()
            watch.wait()
    times = sorted(Task.objects.values_list("created_at", flat=True))
    first = Task.objects.order_by("id").first().created_at
    assert len(times) <= (times[-1] - first).total_seconds() + 2
