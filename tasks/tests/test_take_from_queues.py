"""What a worker takes from the queues, with the real Redis: one step, and nothing is lost in between."""

from __future__ import annotations

import pytest

from tasks import closings, queue
from tasks.actions import enqueue
from tasks.intake import Intake
from tasks.lanes import queue_names
from tasks.states import TaskState
from tasks.tests.messy.jobs import Nothing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def intake(redis_server):
    redis_server.client().flushall()
    return Intake(redis_server.client(), "one", queue_names(), ttl=25, kept=300)


def test_the_highest_rank_first_and_it_is_in_the_workers_hand_at_once(intake, redis_server):
    low, high = enqueue(Nothing, {}, priority=2), enqueue(Nothing, {}, priority=9)
    taken = intake.take()
    assert taken.task.task_id == str(high.pk) and taken.task.grace == Nothing.cancel_grace and not taken.own_process
    known = queue.known()
    assert known.waiting == {str(low.pk)} and known.taken == {str(high.pk)}
    member = f"{high.pk}:{taken.record.execution}".encode()
    assert redis_server.client().smembers("rq:worker:one:executions") == {member}


def test_the_next_is_taken_with_the_trip_that_ends_the_last(intake, redis_server):
    first, second = enqueue(Nothing, {}), enqueue(Nothing, {})
    taken = intake.take()
    intake.ended(taken, TaskState.SUCCEEDED)
    assert queue.known().taken == {str(first.pk)}
    assert intake.take().task.task_id == str(second.pk)
    client = redis_server.client()
    assert queue.known().taken == {str(second.pk)} and client.hget(f"rq:job:{first.pk}", "status") == b"finished"
    assert 0 < client.ttl(f"rq:job:{first.pk}") <= 300 and client.ttl(f"rq:job:{second.pk}") == -1
    assert client.hget("rq:worker:one", "successful_job_count") == b"1"
    calls = client.info("commandstats")
    intake.ended(taken, TaskState.SUCCEEDED)
    intake.take()
    later = client.info("commandstats")
    assert later["cmdstat_exec"]["calls"] - calls["cmdstat_exec"]["calls"] == 1
    assert later["cmdstat_eval"]["calls"] - calls["cmdstat_eval"]["calls"] == 1


def test_a_closed_lane_is_left_alone_also_while_waiting(intake):
    closed, open_ = enqueue(Nothing, {}, lane="reports", priority=10), enqueue(Nothing, {}, priority=1)
    closings.show("reports", closings.FOR_EVER)
    assert intake.take().task.task_id == str(open_.pk)
    assert intake.take() is None and intake.wait(5, 0.1) is None
    closings.show("reports", None)
    found = intake.wait(5, 0.1)
    assert found[1] == str(closed.pk) and queue.known().waiting == frozenset()
    assert intake.take(found).task.task_id == str(closed.pk) and queue.known().taken >= {str(closed.pk)}


def test_what_is_put_back_comes_first(intake):
    first, second = enqueue(Nothing, {}), enqueue(Nothing, {})
    intake.put_back(intake.take())
    known = queue.known()
    assert known.waiting == {str(first.pk), str(second.pk)} and not known.taken
    assert intake.take().task.task_id == str(first.pk)


@pytest.mark.parametrize("record", [
    {"data": b"no zlib", "timeout": b"10"}, {"timeout": b"10"}, {"data": b"\x78\x9c\x03\x00\x00\x00\x00\x01"}, None,
])
def test_what_is_no_task_is_dropped_and_the_next_is_found(intake, redis_server, record):
    client, key = redis_server.client(), "rq:queue:hub:default:10"
    client.rpush(key, "stranger")
    if record is None:
        client.set("rq:job:stranger", "not even a hash")
    else:
        client.hset("rq:job:stranger", mapping=record)
    task = enqueue(Nothing, {})
    taken = intake.take() or intake.take()
    assert taken.task.task_id == str(task.pk) and queue.known().taken == {str(task.pk)}
    assert not client.llen(key)
