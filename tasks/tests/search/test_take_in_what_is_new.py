"""Who writes a task only notes that search has to take it in: whoever searches next finds it all the same."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from hub.watch import steps_of
from tasks.actions import cancel, enqueue
from tasks.jobs import Fail, Sleep
from tasks.models import Task
from tasks.runner import run_task
from tasks.search import filling
from tasks.search.errors import NotYet
from tasks.search.finding import all_of, count, take
from tasks.search.models import Unwritten
from tasks.search.query import read
from tasks.tests.search.test_keep_documents import documents, found


def in_step() -> None:
    """What `watch` does every second."""
    next(step for step in steps_of("here") if step.name == "search").run()


@pytest.mark.django_db
def test_an_enqueue_writes_a_note_instead_of_a_document():
    with CaptureQueriesContext(connection) as queries:
        enqueue(Sleep, {"seconds": 7})
    assert not any("tasks_words" in query["sql"] or "tasks_document" in query["sql"] for query in queries)
    assert (Unwritten.objects.count(), documents()) == (1, 0)
    in_step()
    assert (Unwritten.objects.count(), documents()) == (0, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("look", [
    lambda query: [task.pk for task in take(Task.objects.all(), query).items],
    lambda query: list(all_of(Task.objects.all(), query).values_list("pk", flat=True)),
    lambda query: [None] * count(Task.objects.all(), query).number,
], ids=["list", "change of many", "count"])
@pytest.mark.parametrize("text", ["sleep", "-nothing", "sleep OR state:failed", "name:sleep lane:default"])
def test_each_way_to_look_sees_what_was_just_written(look, text):
    enqueue(Sleep, {"seconds": 7})
    assert len(look(read(text))) == 1


@pytest.mark.django_db
def test_what_changes_while_nobody_searches_is_found_as_it_is():
    task = enqueue(Fail, {"message": "Kaputt, sorry"})
    gone = enqueue(Sleep, {"seconds": 7})
    assert run_task(str(task.pk)) == "failed"
    Task.objects.filter(pk=gone.pk).delete()
    assert Unwritten.objects.count() == 3
    assert found("kaputt state:failed") == [task.pk] and found("sleep") == []
    assert (Unwritten.objects.count(), documents()) == (0, 1)


@pytest.mark.django_db
def test_a_pass_that_is_cut_off_loses_nothing():
    task = enqueue(Sleep, {"seconds": 7})
    with transaction.atomic():
        filling.catch_up()
        transaction.set_rollback(True)
    assert documents() == 0 and found("sleep") == [task.pk]


@pytest.mark.django_db
def test_a_search_that_cannot_wait_for_all_says_so(monkeypatch):
    for _ in range(5):
        enqueue(Sleep, {"seconds": 7})
    monkeypatch.setattr(filling, "BATCH", 1)
    monkeypatch.setattr("tasks.search.finding.TAKE_IN", 0)
    with pytest.raises(NotYet, match="4 tasks"):
        found("sleep")
    assert found("state:queued")  # needs no document
    in_step()
    assert len(found("sleep")) == 5


@pytest.mark.django_db(transaction=True)
def test_many_write_and_take_in_at_once_and_every_last_word_is_found(monkeypatch):
    monkeypatch.setattr(filling, "BATCH", 3)
    over, wrong = threading.Event(), []

    def work(act) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - told to the test
            wrong.append(error)
        finally:
            connection.close()

    def write() -> None:
        for number in range(12):
            task = enqueue(Sleep, {"seconds": number})
            if number % 3 == 0:
                cancel(task)
            elif number % 3 == 1:
                Task.objects.filter(pk=task.pk).delete()
            else:
                Task.objects.filter(pk=task.pk).update(title=f"Renamed {number}")
                Unwritten.objects.create(task=task.pk)

    def take_in() -> None:
        while not over.is_set():
            filling.catch_up()

    writers = [threading.Thread(target=work, args=(write,)) for _ in range(2)]
    others = [threading.Thread(target=work, args=(take_in,)) for _ in range(2)]
    for thread in (*writers, *others):
        thread.start()
    for thread in writers:
        thread.join(60)
    over.set()
    for thread in others:
        thread.join(60)
    assert wrong == []
    assert len(found("renamed")) == 8 and len(found("name:sleep state:cancelled")) == 8
    assert documents() == Task.objects.count() == 16
