"""Lanes that are paused, capped or rated, and caps of subjects: kept by real workers, which do not spin meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from tasks import closings, lane_actions, limits, queue
from tasks.actions import cancel, enqueue
from tasks.errors import BadLimit
from tasks.jobs import Sleep
from tasks.lane_actions import LaneLimits
from tasks.models import Attempt, Lane, Task
from tasks.runner import claim
from tasks.tests import jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queue(redis_server):
    redis_server.client().flushall()


def most_at_once(tasks: list[Task]) -> int:
    """How many of these tasks ran at the same time, by their attempts."""
    changes = []
    for attempt in Attempt.objects.filter(task__in=tasks):
        changes += [(attempt.started_at, 1), (attempt.ended_at, -1)]
    running = most = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


def signs() -> set[str]:
    return set(closings.closed(queue.connection()))


def processor_time(pid: int) -> float:
    """Ticks that a process and its ended children have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def test_a_paused_lane_starts_nothing_until_it_is_resumed_and_other_lanes_go_on(trial_workers, said, wait_for):
    lane_actions.pause("reports")
    workers = trial_workers(2)
    held = [enqueue(jobs.Say, {"file": str(said), "word": f"{n}"}, lane="reports", priority=9) for n in range(3)]
    used = sum(processor_time(worker.pid) for worker in workers)
    for n in range(3):
        wait_for(enqueue(jobs.Say, {"file": str(said), "word": f"other{n}"}), "succeeded")
    time.sleep(3)
    # Three tasks were forked for; a worker that spun would use some 300 ticks.
    assert sum(processor_time(worker.pid) for worker in workers) - used < 150
    assert {Task.objects.get(pk=task.pk).attempt for task in held} == {0} and "reports" in signs()
    lane_actions.resume("reports")
    for task in held:
        wait_for(task, "succeeded", timeout=10)
    assert signs() == set() and not Lane.objects.get(pk="reports").paused


def test_a_pause_is_kept_by_workers_that_wait_already(trial_workers, said, wait_for):
    trial_workers(2)
    lane_actions.pause("reports")
    tasks = [enqueue(jobs.Say, {"file": str(said), "word": f"{n}"}, lane="reports") for n in range(5)]
    wait_for(enqueue(jobs.Say, {"file": str(said), "word": "other"}, priority=1), "succeeded")
    assert Attempt.objects.filter(task__in=tasks).count() == 0
    lane_actions.resume("reports")
    for task in tasks:
        wait_for(task, "succeeded", timeout=15)
    assert sorted(said.read_text().split()) == [*"01234", "other"]


def test_a_capped_lane_never_runs_more_and_always_goes_on(trial_workers, said, wait_for, rescued):
    lane_actions.limit("reports", LaneLimits(cap=1))
    trial_workers(3)
    tasks = [enqueue(jobs.Steps, {"steps": [["a", 0.2, 1]], "file": str(said), "n": n}, lane="reports")
             for n in range(6)]
    free = [enqueue(jobs.Steps, {"steps": [["a", 0.2, 1]], "file": str(said), "n": n}) for n in range(6)]
    for task in [*free, *tasks]:
        wait_for(task, "succeeded", timeout=30)
    assert most_at_once(tasks) == 1 and most_at_once(free) > 1
    # Refusals are turned away: no task needed a second attempt.
    assert {attempt.number for attempt in Attempt.objects.all()} == {1}


def test_a_capped_lane_is_open_again_after_its_worker_was_killed(trial_workers, said, wait_for, rescued, eventually):
    lane_actions.limit("default", LaneLimits(cap=1))
    first, second = trial_workers(2)
    task = enqueue(jobs.Patient, {"file": str(said)})
    eventually(lambda: "began" in said.read_text())
    after = enqueue(jobs.Say, {"file": str(said)})
    worker = {first.name: first, second.name: second}[Attempt.objects.get().worker]
    worker.kill()

    def passes() -> bool:
        limits.review()
        return Task.objects.get(pk=after.pk).state == "succeeded"

    rescued(passes)
    assert Task.objects.get(pk=task.pk).state == "failed"


def test_a_rated_lane_starts_at_most_so_many_in_any_period(trial_workers, said, wait_for):
    lane_actions.limit("default", LaneLimits(rate=2, period=1.5))
    trial_workers(2)
    tasks = [enqueue(jobs.Say, {"file": str(said), "word": str(n)}) for n in range(6)]
    for task in tasks:
        wait_for(task, "succeeded", timeout=20)
    starts = sorted(Attempt.objects.values_list("started_at", flat=True))
    # A start is counted some milliseconds after the time that its attempt bears.
    assert all(two - one > timedelta(seconds=1.4) for one, two in zip(starts, starts[2:], strict=False))
    assert starts[-1] - starts[0] < timedelta(seconds=12)


def test_a_subject_cap_holds_what_is_too_much_and_lets_others_pass(trial_workers, said, wait_for, eventually):
    lane_actions.cap_subject("shop:", 1)
    trial_workers(3)
    tasks = [enqueue(jobs.Steps, {"steps": [["a", 0.3, 1]], "file": str(said)}, subject=f"shop:{n}", priority=9)
             for n in range(5)]
    other = enqueue(jobs.Say, {"file": str(said)}, subject="bank:1", priority=1)
    wait_for(other, "succeeded", timeout=10)
    assert Task.objects.filter(pk__in=[task.pk for task in tasks], state="succeeded").count() < 5
    for task in tasks:
        wait_for(task, "succeeded", timeout=20)
    assert most_at_once(tasks) == 1 and not Task.objects.filter(held=True).exists()


def test_held_tasks_are_no_drift_may_be_cancelled_and_go_in_the_order_of_their_rank(redis_server, said, rescued):
    lane_actions.cap_subject("shop:", 1)
    running, low, high, gone = (
        enqueue(jobs.Say, {"file": str(said)}, subject=f"shop:{n}", priority=n) for n in (5, 2, 8, 9)
    )
    attempt = claim(running.pk, "one")
    queue.drop([str(running.pk)])
    for task in (low, high, gone):
        with pytest.raises(limits.Refused):
            claim(task.pk, "two")
        queue.drop([str(task.pk)])
        limits.turn_away(str(task.pk))
    assert Task.objects.filter(held=True).count() == 3 and "at most 1" in Task.objects.get(pk=low.pk).reason
    begun = time.monotonic()
    rescued(lambda: time.monotonic() - begun > 2)
    assert not queue.known().waiting
    assert cancel(gone).state == "cancelled"
    Task.objects.filter(pk=running.pk).update(state="succeeded")
    limits.left(attempt.task)
    assert queue.known().waiting == {str(high.pk)}
    lane_actions.uncap_subject("shop:")
    assert queue.known().waiting == {str(high.pk), str(low.pk)}
    assert not Task.objects.filter(state="queued", held=True).exists()


def test_of_many_claims_at_once_only_as_many_as_the_cap_are_admitted(said):
    lane_actions.limit("default", LaneLimits(cap=3))
    tasks = [enqueue(Sleep, {"seconds": 0}) for _ in range(12)]
    taken, refused = [], []

    def take(task: Task) -> None:
        try:
            taken.append(claim(task.pk, "one"))
        except limits.Refused:
            refused.append(task)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(refused)) == (3, 9) and None not in taken
    assert Task.objects.filter(state="running").count() == 3 and "default" in signs()


def test_a_task_that_no_limit_is_about_costs_its_claim_no_query():
    def claimed(subject: str, **options: Any) -> tuple[bool, int]:
        task = enqueue(Sleep, {"seconds": 0}, subject=subject, **options)
        with CaptureQueriesContext(connection) as queries:
            attempt = claim(task.pk, "one")
        return attempt.task.limited, len(queries)

    limited, number = claimed("")
    assert not limited
    lane_actions.limit("reports", LaneLimits(cap=5))
    lane_actions.cap_subject("shop:", 5)
    for subject in ("", "bank:1", "SHOP:1", "shop", "a shop:1"):
        assert claimed(subject) == (False, number), subject
    assert claimed("", lane="reports")[0] and claimed("shop:1")[0] and claimed("shop:")[0]


@pytest.mark.parametrize("limit", [
    lambda: lane_actions.pause("default"), lambda: lane_actions.limit("default", LaneLimits(cap=1)),
    lambda: lane_actions.cap_subject("shop:", 1),
])  # fmt: skip
def test_a_limit_that_is_set_while_a_claim_looks_at_its_task_is_kept(limit):
    """It is committed after the claim has read the row, and before it takes it."""
    assert claim(enqueue(Sleep, {"seconds": 0}, subject="shop:0").pk, "one") is not None
    task = enqueue(Sleep, {"seconds": 0}, subject="shop:1")
    was_set = []

    def set_limit() -> None:
        limit()
        connections.close_all()

    def meanwhile(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        if sql.startswith("SELECT") and not was_set:
            was_set.append(sql)
            other = threading.Thread(target=set_limit)  # with a connection of its own
            other.start()
            other.join()
        return answer

    with connection.execute_wrapper(meanwhile), pytest.raises(limits.Refused):
        claim(task.pk, "two")
    assert "tasks_task" in was_set[0]
    task.refresh_from_db()
    assert (task.state, task.attempt, task.attempts.count()) == ("queued", 0, 0)


def test_upper_and_lower_case_are_two_things_in_a_subject():
    lane_actions.cap_subject("Shop_%:", 1)
    subjects = ["Shop_%:1", "shop_%:2", "Shopxx:3", "Shop_%:4"]
    tasks = [enqueue(Sleep, {"seconds": 0}, subject=subject) for subject in subjects]
    for task in tasks[:3]:
        assert claim(task.pk, "one") is not None
    with pytest.raises(limits.Refused):
        claim(tasks[3].pk, "one")
    limits.turn_away(str(tasks[3].pk))
    assert limits.review() == [] and Task.objects.get(held=True) == tasks[3]
    lane_actions.cap_subject("shop_%:", 1)
    lane_actions.uncap_subject("Shop_%:")
    assert not Task.objects.filter(held=True).exists()


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (LaneLimits(cap=0), "cap"),
        (LaneLimits(cap=True), "cap"),
        (LaneLimits(rate=5), "period"),
        (LaneLimits(period=5), "rate"),
        (LaneLimits(rate=0, period=1), "rate"),
        (LaneLimits(rate=1, period=float("nan")), "period"),
        (LaneLimits(rate=1, period=0), "period"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_and_changes_nothing(wanted, field):
    with pytest.raises(BadLimit) as refused:
        lane_actions.limit("default", wanted)
    assert refused.value.field == field and not Lane.objects.exists()
    for act in (lambda: lane_actions.pause("fast"), lambda: lane_actions.cap_subject("", 1),
                lambda: lane_actions.cap_subject("shop:", 0), lambda: lane_actions.uncap_subject("shop:")):
        with pytest.raises(BadLimit):
            act()


def test_without_redis_limits_are_kept_by_the_claim(redis_server):
    task = enqueue(Sleep, {"seconds": 0})
    redis_server.kill()
    try:
        lane_actions.pause("default")
        with pytest.raises(limits.Refused):
            claim(task.pk, "one")
    finally:
        redis_server.start()
    limits.review()
    assert signs() == {"default"}


def test_the_starts_of_a_rated_lane_are_counted_exactly():
    now = time.time()
    lane = Lane(name="default", rate=3, period=10, starts=[now - 11, now - 6, now - 1])
    assert limits.closed_until(lane, 0, now) is None
    lane.starts = [now - 9, now - 6, now - 1]
    assert limits.closed_until(lane, 0, now) == pytest.approx(now + 1)
