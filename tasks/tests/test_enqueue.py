"""Asking for a task."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.context import acting
from events.models import Event
from tasks import queue
from tasks.actions import BadTask, SubjectBusy, active_on, cancel, enqueue
from tasks.job import Job
from tasks.jobs import Fail, Sleep
from tasks.lanes import queue_name
from tasks.models import Task
from tasks.states import TaskState

SLEEP = {"seconds": 1}


@pytest.fixture
def empty_queue(redis_server):
    redis_server.client().flushall()
    yield
    redis_server.client().flushall()


def waiting() -> frozenset[str]:
    return queue.known().waiting


@pytest.mark.django_db(transaction=True)
def test_a_task_is_a_row_with_its_actor_an_event_and_a_place_in_its_queue(empty_queue, redis_server):
    correlation = uuid.uuid4()
    with acting(actor="alice", via="page", correlation=correlation):
        task = enqueue(Sleep, SLEEP, subject="projects.project:1", priority=8, lane="stacks")
    task.refresh_from_db()
    assert (task.state, task.actor, task.correlation_id) == ("queued", "alice", correlation)
    assert task.title == "Sleep for 1 s"
    event = Event.objects.get()
    assert event.subject == f"hub.{settings.HUB_ID}.task.created"
    assert (event.actor, event.correlation_id) == ("alice", correlation)
    assert event.payload == {"task": str(task.pk), "job": "demo.sleep", "subject": "projects.project:1"}
    assert redis_server.client().lrange(f"rq:queue:{queue_name('stacks', 8)}", 0, -1) == [str(task.pk).encode()]


@pytest.mark.django_db(transaction=True)
def test_the_job_is_not_pushed_before_the_row_is_committed(empty_queue):
    with transaction.atomic():
        task = enqueue(Sleep, SLEEP)
        assert waiting() == frozenset()
    assert waiting() == {str(task.pk)}


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_request_leaves_neither_row_nor_event_nor_job(empty_queue):
    with pytest.raises(RuntimeError), transaction.atomic():
        enqueue(Sleep, SLEEP)
        raise RuntimeError
    assert not Task.objects.exists() and not Event.objects.exists() and waiting() == frozenset()


@pytest.mark.django_db(transaction=True)
def test_twenty_clicks_at_once_are_one_task(empty_queue):
    found, barrier = [], threading.Barrier(20)

    def click() -> None:
        try:
            barrier.wait()
            with transaction.atomic():
                found.append(enqueue(Sleep, SLEEP, subject="projects.project:7").pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20 and len(set(found)) == 1
    assert Task.objects.count() == 1 and Event.objects.count() == 1 and len(waiting()) == 1


@pytest.mark.django_db
def test_another_task_on_a_busy_subject_is_refused_with_the_one_that_is_there():
    first = enqueue(Sleep, SLEEP, subject="projects.project:1")
    for job, params in ((Sleep, {"seconds": 2}), (Fail, {})):
        with pytest.raises(SubjectBusy) as refusal:
            enqueue(job, params, subject="projects.project:1")
        assert refusal.value.task == first and "Sleep for 1 s" in str(refusal.value)
    assert active_on("projects.project:1") == first
    assert enqueue(Sleep, SLEEP, subject="projects.project:2") != first
    assert enqueue(Sleep, SLEEP) != enqueue(Sleep, SLEEP)


@pytest.mark.django_db
def test_a_subject_is_free_again_when_its_task_has_ended():
    first = enqueue(Sleep, SLEEP, subject="projects.project:1")
    cancel(first)
    assert active_on("projects.project:1") is None
    assert enqueue(Sleep, SLEEP, subject="projects.project:1") != first


class Unregistered(Job):
    pass


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("job", "params", "options", "field"),
    [
        (Unregistered, {}, {}, "job"),
        (Sleep, [], {}, "params"),
        (Sleep, {"seconds": object()}, {}, "params"),
        (Sleep, {"seconds": float("nan")}, {}, "params"),
        (Sleep, {"seconds": "1"}, {}, "params"),
        (Sleep, {"seconds": -1}, {}, "params"),
        (Sleep, {"seconds": 1, "steps": 0}, {}, "params"),
        (Sleep, {"seconds": 1, "stops": 2}, {}, "params"),
        (Fail, {"message": "a\0b"}, {}, "params"),
        (Fail, {"message": "x" * 300_000}, {}, "params"),
        (Sleep, SLEEP, {"priority": 0}, "priority"),
        (Sleep, SLEEP, {"priority": 11}, "priority"),
        (Sleep, SLEEP, {"priority": True}, "priority"),
        (Sleep, SLEEP, {"priority": "5"}, "priority"),
        (Sleep, SLEEP, {"lane": "fast"}, "lane"),
        (Sleep, SLEEP, {"run_at": datetime(2030, 1, 1)}, "run_at"),
        (Sleep, SLEEP, {"run_at": datetime(2020, 1, 1, tzinfo=UTC)}, "run_at"),
        (Sleep, SLEEP, {"subject": "x" * 101}, "subject"),
    ],
)
def test_bad_input_is_refused_by_field_and_nothing_is_made(job, params, options, field):
    with pytest.raises(BadTask) as refusal:
        enqueue(job, params, **options)
    assert refusal.value.field == field and refusal.value.message.endswith(".")
    assert not Task.objects.exists() and not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_parameters_come_back_as_they_will_be_read(empty_queue):
    task = enqueue(Fail, {"message": "Grüße, 世界 \U0001f431"})
    assert Task.objects.get(pk=task.pk).params == {"message": "Grüße, 世界 \U0001f431"}


@pytest.mark.django_db(transaction=True)
def test_a_task_for_later_waits_outside_the_queue_until_its_time(empty_queue, rescued):
    later = enqueue(Sleep, SLEEP, run_at=timezone.now() + timedelta(hours=1))
    soon = enqueue(Sleep, SLEEP, run_at=timezone.now() + timedelta(seconds=0.5))
    past = enqueue(Sleep, SLEEP, run_at=timezone.now() - timedelta(seconds=1))
    assert (later.state, soon.state, past.state) == ("scheduled", "scheduled", "queued")
    assert waiting() == {str(past.pk)}
    rescued(lambda: waiting() == {str(past.pk), str(soon.pk)})
    assert Task.objects.get(pk=soon.pk).state == TaskState.QUEUED
    assert Task.objects.get(pk=later.pk).state == TaskState.SCHEDULED


@pytest.mark.django_db(transaction=True)
def test_a_task_is_accepted_while_redis_is_away_and_pushed_when_it_is_back(redis_server, rescued):
    redis_server.kill()
    try:
        task = enqueue(Sleep, SLEEP)
        assert not queue.ping()
    finally:
        redis_server.start()
    redis_server.client().flushall()
    rescued(lambda: waiting() == {str(task.pk)})


@pytest.mark.django_db
def test_asking_costs_two_rows_and_a_document():
    enqueue(Sleep, SLEEP)
    for subject in ("", "projects.project:1"):
        with CaptureQueriesContext(connection) as queries:
            enqueue(Sleep, SLEEP, subject=subject)
        said = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert said == ["INSERT"] * 3, [query["sql"] for query in queries]
        assert len(queries) - len(said) <= 2  # a savepoint, and its release
