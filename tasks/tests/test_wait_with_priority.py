"""Waiting by priority: the order in a lane, what waiting gains, and a change of mind."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.utils import timezone

from tasks import queue
from tasks.actions import BadTask, NotWaiting, cancel, change_priority, enqueue
from tasks.ageing import age, longest_wait
from tasks.jobs import Sleep
from tasks.lanes import queue_name
from tasks.models import Task
from tasks.runner import claim
from tasks.tests import jobs
from tasks.tests.test_run import facts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_queue(redis_server):
    redis_server.client().flushall()


def waiting(redis_server, lane: str = "default") -> list[str]:
    """The ids in a lane in the order in which a worker takes them."""
    client = redis_server.client()
    return [job_id.decode() for rank in range(11, 0, -1)
            for job_id in client.lrange(f"rq:queue:{queue_name(lane, rank)}", 0, -1)]


def sleeper(priority: int, age: timedelta = timedelta()) -> Task:
    task = enqueue(Sleep, {"seconds": 0}, priority=priority)
    Task.objects.filter(pk=task.pk).update(queued_at=timezone.now() - age)
    return task


def test_a_thousand_tasks_of_mixed_priority_stand_in_order(redis_server):
    mixed = random.Random(7)
    tasks = [enqueue(Sleep, {"seconds": 0}, priority=mixed.randint(1, 10)) for _ in range(1000)]
    expected = sorted(tasks, key=lambda task: (-task.priority, task.created_at))
    assert waiting(redis_server) == [str(task.pk) for task in expected]


def test_waiting_gains_a_rank_after_each_step_and_stands_first_within_the_bound(redis_server, settings):
    settings.HUB_AGEING = 60
    flood = [sleeper(10) for _ in range(20)]
    old, older, young = (sleeper(1, age=timedelta(seconds=seconds)) for seconds in (125, 599, 59))
    assert age() and not age()
    ranks = {task.pk: Task.objects.get(pk=task.pk).rank for task in (old, older, young)}
    assert ranks == {old.pk: 3, older.pk: 10, young.pk: 1}
    assert waiting(redis_server) == [str(task.pk) for task in (*flood, older, old, young)]
    assert longest_wait() == timedelta(seconds=600)

    assert age(timezone.now() + timedelta(seconds=2))
    assert waiting(redis_server)[0] == str(older.pk)
    # The flood goes on: what came later does not pass it any more, but is first in its turn.
    late = sleeper(10)
    assert waiting(redis_server)[0] == str(older.pk) and waiting(redis_server)[21] == str(late.pk)


def test_those_that_waited_too_long_go_in_the_order_in_which_they_came_to(redis_server, settings):
    settings.HUB_AGEING = 10
    low = sleeper(1, age=timedelta(seconds=105))
    high = sleeper(9, age=timedelta(seconds=30))
    middle = sleeper(5, age=timedelta(seconds=66))
    age()
    # Since 5, 10 and 6 seconds.
    assert waiting(redis_server) == [str(task.pk) for task in (high, middle, low)]


def test_a_task_that_a_worker_takes_meanwhile_is_not_queued_again(redis_server, settings):
    task = sleeper(1, age=timedelta(hours=1))
    redis_server.client().delete(f"rq:queue:{task.queue}")  # a worker has just taken it
    assert age() and waiting(redis_server) == []
    assert claim(task.pk, "one") is not None and not age()


def test_ageing_beside_real_workers_runs_each_task_once(trial_workers, said, wait_for, settings):
    settings.HUB_AGEING = 1
    tasks = [enqueue(jobs.Say, {"file": str(said), "word": str(number)}, priority=1) for number in range(30)]
    Task.objects.update(queued_at=timezone.now() - timedelta(seconds=30))
    trial_workers(2)
    while Task.objects.filter(state="queued").exists():
        Task.objects.filter(state="queued").update(gained=0)  # so that there is something to move
        age()
    for task in tasks:
        wait_for(task, "succeeded", timeout=30)
    assert sorted(map(int, said.read_text().split())) == list(range(30))


def test_a_change_of_priority_moves_a_waiting_task_and_is_kept(redis_server):
    first, second = sleeper(5), sleeper(3)
    change_priority(second, 8)
    assert waiting(redis_server) == [str(second.pk), str(first.pk)]
    change_priority(second, 2)
    assert waiting(redis_server) == [str(first.pk), str(second.pk)]
    second.refresh_from_db()
    assert second.priority == 2 and facts(second) == ["task.created", "task.reprioritized", "task.reprioritized"]
    later = enqueue(Sleep, {"seconds": 0}, run_at=timezone.now() + timedelta(hours=1))
    assert change_priority(later.pk, 9).priority == 9 and len(waiting(redis_server)) == 2


def test_a_task_that_runs_or_has_ended_has_no_priority_to_change(redis_server):
    task = sleeper(5)
    for wrong in (0, 11, True, "7"):
        with pytest.raises(BadTask):
            change_priority(task, wrong)
    claim(task.pk, "one")
    with pytest.raises(NotWaiting, match="runs already"):
        change_priority(task, 7)
    ended = cancel(sleeper(5))
    with pytest.raises(NotWaiting, match="was cancelled"):
        change_priority(ended, 7)


def test_without_redis_a_task_is_moved_in_the_database_and_pushed_to_its_new_place(redis_server, rescued):
    task = sleeper(5)
    redis_server.kill()
    try:
        assert change_priority(task, 9).priority == 9
        assert not queue.requeue([task])
    finally:
        redis_server.start()
    redis_server.client().flushall()
    rescued(lambda: waiting(redis_server))
    assert redis_server.client().lrange("rq:queue:hub:default:9", 0, -1) == [str(task.pk).encode()]
