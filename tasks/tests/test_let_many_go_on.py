"""Very many tasks wait for one, or one for very many, or each for the next."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from events.models import Event
from tasks import queue, release
from tasks.actions import enqueue
from tasks.jobs import Sleep
from tasks.models import Dependency, Task, Unmet
from tasks.rescue import Rescuer
from tasks.runner import claim
from tasks.settle import Ending, settle
from tasks.tests import jobs

SLEEP = {"seconds": 1}
BATCH = 20

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_batches(redis_server, monkeypatch):
    redis_server.client().flushall()
    monkeypatch.setattr(release, "batch", lambda: BATCH)


def waiting_for(first: Task, number: int, needs: Callable[[int], Iterable[int]] = lambda place: [0],
                unmet: str = Unmet.SKIP, job: str = "demo.sleep") -> list[Task]:
    """So many blocked tasks, the one at place `n` (from 1) waiting for those at `needs(n)`; place 0 is the first."""
    tasks = [first, *(Task(job=job, title=f"T{place}", actor=f"actor-{place}", state="blocked", queued_at=None,
                           params={"file": "/dev/null"}) for place in range(1, number + 1))]
    Task.objects.bulk_create(tasks[1:])
    Dependency.objects.bulk_create([Dependency(task=tasks[place], needs=tasks[need], unmet=unmet)
                                    for place in range(1, number + 1) for need in needs(place)])
    return tasks[1:]


def end(task: Task, to: str = "succeeded") -> None:
    attempt = claim(task.pk, "w")
    assert settle(attempt.task, to, Ending(attempt=attempt.number)) == to


def states() -> Counter:
    return Counter(Task.objects.values_list("state", flat=True))


def events(action: str) -> dict[str, Event]:
    """By the id of its task: none has two."""
    found = list(Event.objects.filter(subject__endswith=f".task.{action}"))
    by_task = {event.payload["task"]: event for event in found}
    assert len(by_task) == len(found)
    return by_task


def trips(client) -> int:
    return client.info("commandstats").get("cmdstat_exec", {"calls": 0})["calls"]


def test_each_goes_on_once_with_its_event_and_is_on_a_queue(redis_server):
    first = enqueue(Sleep, SLEEP)
    tasks = waiting_for(first, 50)
    before = trips(redis_server.client())
    end(first)
    assert states() == {"succeeded": 1, "queued": 50}
    assert {str(task.pk) for task in tasks} <= queue.known().waiting
    assert trips(redis_server.client()) - before == 4  # a trip a batch, and that for looking
    told = events("released")
    assert told.keys() == {str(task.pk) for task in tasks}
    for task in tasks:
        event = told[str(task.pk)]
        assert (event.actor, event.correlation_id) == (task.actor, task.correlation_id)
        task.refresh_from_db()
        assert (task.reason, task.ready_at) == ("", task.queued_at) and task.ready_at is not None


@pytest.mark.parametrize("ending", ["succeeded", "failed"])
def test_it_takes_a_few_statements_for_many_and_not_a_few_for_each(monkeypatch, ending):
    monkeypatch.setattr(release, "batch", lambda: 200)
    counts = []
    for number in (40, 160):
        first = enqueue(Sleep, SLEEP)
        waiting_for(first, number)
        attempt = claim(first.pk, "w")
        with CaptureQueriesContext(connection) as queries:
            settle(attempt.task, ending, Ending(attempt=1))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 16
    assert not Task.objects.filter(state="blocked").exists()


def test_between_batches_somebody_else_may_write(monkeypatch):
    """On SQLite one may write at a time: an enqueue must not wait until all have gone on."""
    first = enqueue(Sleep, SLEEP)
    waiting_for(first, 5 * BATCH)
    left = []

    def write() -> None:
        try:
            enqueue(Sleep, SLEEP)
            left.append(Task.objects.filter(state="blocked").count())
        finally:
            connections.close_all()

    def others(took: float) -> None:
        assert took > 0
        other = threading.Thread(target=write)
        other.start()
        other.join(30)

    monkeypatch.setattr(release, "_let_others_write", others)
    end(first)
    assert left[:4] == [4 * BATCH, 3 * BATCH, 2 * BATCH, BATCH]
    assert states()["blocked"] == 0


@pytest.mark.parametrize("unmet", ["skip", "fail"])
def test_a_chain_longer_than_a_batch_ends_to_its_end_and_each_says_why(unmet):
    first = enqueue(Sleep, SLEEP)
    tasks = waiting_for(first, 3 * BATCH + 5, lambda place: [place - 1], unmet)
    end(first, "failed")
    to, word, verb = ("cancelled", "Skipped: ", "was cancelled") if unmet == "skip" else ("failed", "", "failed")
    assert states() == Counter({to: len(tasks)}) + Counter({"failed": 1})
    whys = [task.reason if unmet == "skip" else task.error for task in Task.objects.order_by("id")][1:]
    assert whys[0] == f"{word}“{first.title}”, which it needs, failed."
    assert whys[1:] == [f"{word}“T{place}”, which it needs, {verb}." for place in range(1, len(tasks))]
    assert events(to).keys() >= {str(task.pk) for task in tasks}


def test_what_runs_all_the_same_goes_on_behind_a_long_chain_that_ends():
    first = enqueue(Sleep, SLEEP)
    chain = waiting_for(first, 2 * BATCH, lambda place: [place - 1])
    last = enqueue(Sleep, SLEEP, depends_on=[chain[-1], chain[3]], unless_succeeded="run")
    beside = enqueue(Sleep, SLEEP, depends_on=[chain[5], enqueue(Sleep, SLEEP)], unless_succeeded="run")
    end(first, "failed")
    assert states() == {"failed": 1, "cancelled": 2 * BATCH, "queued": 2, "blocked": 1}
    assert Task.objects.get(state="blocked") == beside and str(last.pk) in queue.known().waiting


def test_hooks_of_many_are_called_once_each():
    first = enqueue(Sleep, SLEEP)
    tasks = waiting_for(first, BATCH + 5, job=jobs.Say.name)
    plain = waiting_for(first, 5)
    end(first, "failed")
    assert states() == {"failed": 1, "cancelled": BATCH + 10}
    called = Event.objects.filter(subject__endswith=".trial.hook")
    assert Counter(event.payload["task"] for event in called) == {str(task.pk): 1 for task in tasks}
    assert {event.actor for event in called} == {task.actor for task in tasks}
    assert events("cancelled").keys() == {str(task.pk) for task in [*tasks, *plain]}


def test_one_that_waits_for_very_many_goes_on_once_after_the_last():
    needs = [enqueue(Sleep, SLEEP) for _ in range(2 * BATCH + 3)]
    task = enqueue(Sleep, SLEEP, depends_on=needs)
    for need in needs[:-1]:
        end(need)
    assert Task.objects.get(pk=task.pk).state == "blocked"
    end(needs[-1])
    assert Task.objects.get(pk=task.pk).state == "queued" and len(events("released")) == 1


def test_what_a_death_between_two_batches_left_behind_is_found(monkeypatch):
    first, bad = enqueue(Sleep, SLEEP), enqueue(Sleep, SLEEP)
    good, skipped = waiting_for(first, 3 * BATCH), waiting_for(bad, 3 * BATCH, lambda place: [place - 1])
    with monkeypatch.context() as died:
        died.setattr(release.Following, "_rest", lambda self: None)
        end(first)
        end(bad, "failed")
    assert states() == {"succeeded": 1, "failed": 1, "queued": BATCH, "cancelled": BATCH, "blocked": 4 * BATCH}
    told = Rescuer().rescue()
    assert f"Blocked with nothing left to wait for: {2 * BATCH}, now queued." in told
    assert states() == {"succeeded": 1, "failed": 1, "queued": 3 * BATCH, "cancelled": 3 * BATCH}
    assert {str(task.pk) for task in good} <= queue.known().waiting
    assert events("cancelled").keys() == {str(task.pk) for task in skipped}


def test_one_that_somebody_cancelled_meanwhile_stays_cancelled(monkeypatch):
    """Between the look and the write: the write decides."""
    first = enqueue(Sleep, SLEEP)
    tasks = waiting_for(first, 5)
    looked = release.followers

    def and_then_cancelled(*args):
        found = looked(*args)
        Task.objects.filter(pk=tasks[2].pk).update(state="cancelled")
        return found

    monkeypatch.setattr(release, "followers", and_then_cancelled)
    end(first)
    assert states() == {"succeeded": 1, "queued": 4, "cancelled": 1}
    assert str(tasks[2].pk) not in {*events("released"), *queue.known().waiting}


def test_many_that_are_due_at_once_are_queued_in_few_statements(redis_server):
    rescuer = Rescuer()
    made = [Task(job="demo.sleep", title="T", actor="m", state="scheduled", queued_at=None) for _ in range(300)]
    for task in made:
        task.run_at = task.created_at
    Task.objects.bulk_create(made)
    before = trips(redis_server.client())
    with CaptureQueriesContext(connection) as queries:
        assert "Due, and queued: 250." in rescuer.rescue()
    assert len(queries) < 40 and trips(redis_server.client()) - before < 10
    assert states() == {"queued": 300} and len(events("queued")) == 300
    assert {str(task.pk) for task in made} == queue.known().waiting


def test_the_rescuer_reads_little_of_what_waits():
    """Of a hundred thousand tasks that wait, only the ids: parameters may be long."""
    made = [Task(job="demo.sleep", title="T", actor="m", params={"long": "x" * 1000}) for _ in range(50)]
    Task.objects.bulk_create(made)
    with CaptureQueriesContext(connection) as queries:
        Rescuer().rescue()
    reads = [query["sql"] for query in queries if 'FROM "tasks_task"' in query["sql"]]
    assert reads and not [read for read in reads if "params" in read]


def test_what_was_lost_comes_to_the_queue_in_batches(redis_server, rescued):
    made = [Task(job="demo.sleep", title="T", actor="m") for _ in range(300)]
    Task.objects.bulk_create(made)
    before = trips(redis_server.client())
    rescued(lambda: len(queue.known().waiting) == 300)
    assert queue.known().waiting == {str(task.pk) for task in made}
    assert isinstance(made[0].pk, uuid.UUID) and trips(redis_server.client()) - before < 250


def test_an_enqueue_asks_no_more_for_many_that_it_waits_for_than_for_one():
    needs = [enqueue(Sleep, SLEEP) for _ in range(30)]
    parent = enqueue(Sleep, SLEEP, parent=enqueue(Sleep, SLEEP, parent=needs[0]))
    counts = []
    for options in ({}, {"depends_on": needs[:1]}, {"depends_on": needs}, {"depends_on": needs[1:], "parent": parent}):
        with CaptureQueriesContext(connection) as queries:
            enqueue(Sleep, SLEEP, **options)
        counts.append(len(queries))
    plain, one, many, child = counts
    assert one == many <= plain + 4 and child <= one + 2, counts


def test_a_tree_that_is_wider_than_a_batch_ends_to_its_leaves():
    first = enqueue(Sleep, SLEEP)
    wide = 3 * BATCH
    tasks = waiting_for(first, 2 * wide, lambda place: [0] if place <= wide else [place - wide])
    end(first, "failed")
    assert states() == {"failed": 1, "cancelled": 2 * wide}
    assert events("cancelled").keys() == {str(task.pk) for task in tasks}
