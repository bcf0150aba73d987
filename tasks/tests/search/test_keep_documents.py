"""What people search in is written with the task, and goes with it."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from tasks.actions import cancel, enqueue
from tasks.jobs import Fail, Sleep
from tasks.models import Task
from tasks.runner import run_task
from tasks.search.filling import catch_up, tidy
from tasks.search.finding import take
from tasks.search.query import read
from tasks.search.rowids import expression, rowid

pytestmark = pytest.mark.django_db


def found(text: str) -> list:
    return [task.pk for task in take(Task.objects.all(), read(text)).items]


def documents() -> int:
    table = "tasks_document" if connection.vendor == "postgresql" else "tasks_words"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


def test_a_waiting_task_is_found_by_its_name_and_parameters():
    task = enqueue(Sleep, {"seconds": 7, "steps": 3})
    assert found('"sleep for 7"') == found("seconds steps state:queued") == [task.pk]


def test_a_task_that_ended_is_found_by_its_error_steps_and_log():
    failed, slept = enqueue(Fail, {"message": "Kaputt, sorry"}), enqueue(Sleep, {"seconds": 0, "steps": 2})
    assert found("nap") == []
    assert (run_task(str(failed.pk)), run_task(str(slept.pk))) == ("failed", "succeeded")
    assert found("kaputt state:failed") == [failed.pk]
    assert found('"nap 2 of 2"') == [slept.pk]  # steps
    assert found('"1 of 2 0 s"') == [slept.pk]  # log
    assert documents() == 2


def test_a_cancelled_task_is_still_found():
    task = enqueue(Sleep, {"seconds": 7})
    cancel(task)
    assert found("sleep state:cancelled") == [task.pk]


def test_a_document_goes_with_its_task():
    one, two = enqueue(Sleep, {"seconds": 7}), enqueue(Sleep, {"seconds": 7})
    assert catch_up() == 0 and documents() == 2
    Task.objects.filter(pk=one.pk).delete()
    assert documents() == 1 and found("sleep") == [two.pk]


def test_rows_of_before_are_found_after_the_command():
    task = Task.objects.create(job="old.job", title="From before", actor="hub", attempt=1, state="failed")
    task.log_lines.create(text="last words", attempt=1)
    enqueue(Sleep, {"seconds": 7})
    assert found("before") == []
    call_command("task", "index", verbosity=0)
    assert found("before") == found('"last words"') == [task.pk] and documents() == 2


def test_numbers_of_documents_order_as_ids_do_and_sql_makes_the_same():
    keys = [Task(title=str(number)).pk for number in range(200)]
    assert [rowid(key) for key in keys] == sorted({rowid(key) for key in keys})
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for key in keys:
                cursor.execute(f"SELECT {expression('k')} FROM (SELECT %s AS k)", [key.hex])
                assert cursor.fetchone()[0] == rowid(key)


def test_the_index_of_words_becomes_one_part_again():
    def parts() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(DISTINCT segid) FROM tasks_words_idx")
            return cursor.fetchone()[0]

    for number in range(3):
        enqueue(Sleep, {"seconds": number})
        catch_up()
    if connection.vendor == "postgresql":
        assert list(tidy()) == []
        return
    assert parts() > 1
    assert list(tidy()) and parts() == 1 and not list(tidy())
    assert len(take(Task.objects.all(), read("sleep")).items) == 3
