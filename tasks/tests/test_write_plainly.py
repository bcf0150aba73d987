"""Statements that are made once write and read what the ORM would."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from events.actions import fact, record
from events.models import Event
from events.statements import Clause, Lookup, change, insertion, run, run_given
from tasks import limits
from tasks.actions import enqueue
from tasks.models import Attempt, Lane, Task
from tasks.moves import move
from tasks.runner import claim
from tasks.search.finding import all_of
from tasks.search.query import read
from tasks.settle import Ending, settle
from tasks.states import TaskState
from tasks.tests.messy.jobs import Nothing

pytestmark = pytest.mark.django_db

STEP = {"key": "k", "label": "“K”", "done": 1, "total": 3, "detail": "", "started": "2026-01-02T03:04:05+00:00",
        "ended": None, "usual": 1.5, "tail": None}
FULL = {
    "job": "trial.nothing", "title": "“Ünïcode” 100 %s", "subject": "a.b:1", "priority": 9, "gained": 1, "held": True,
    "params": {"a": [1, None, "ä", {"b": True}]}, "state": "blocked", "reason": "r", "cancel_requested": True,
    "attempt": 3, "actor": "hub", "correlation_id": uuid.UUID(int=7), "result": {"x": 1.5}, "progress": 12.5,
    "run_at": datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), "steps": [STEP],
}  # fmt: skip


def columns(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_a_row_is_written_as_the_model_has_it():
    parent = Task.objects.create(job="trial.nothing", title="p", actor="hub")
    for task in (Task(**FULL, parent=parent), Task(job="trial.nothing", title="only what must be", actor="hub")):
        run(insertion(task))
        assert columns(Task.objects.get(pk=task.pk)) == columns(task)
        assert not task._state.adding


def test_several_are_written_in_order_and_the_first_is_counted():
    one, two = fact("trial.one", {"n": 1}), fact("trial.two")
    assert run(insertion(one), insertion(two)) == 1
    assert list(Event.objects.filter(pk__in=[one.pk, two.pk]).order_by("id")) == [one, two]


def test_what_the_database_refuses_is_refused_and_nothing_stays():
    event = record("trial.one")
    with pytest.raises(IntegrityError), transaction.atomic():
        run(insertion(fact("trial.two")), insertion(event))
    assert not Event.objects.filter(subject__endswith="trial.two").exists()


def test_a_change_touches_only_rows_that_meet_all_conditions():
    task = enqueue(Nothing, {})
    attempt = claim(task.pk, "w")
    new = {"error": "e", "exit_code": 3}
    conditions = {"task": task.pk, "number": 1, "ended_at": None}
    assert run(change(Attempt, new, {**conditions, "number": 2})) == 0
    assert run(change(Task, {"reason": "x"}, {"id": task.pk, "state": ("queued", "failed")})) == 0
    assert run(change(Task, {"reason": "x"}, {"id": task.pk, "state": ("queued", "running")})) == 1
    assert run(change(Attempt, new, conditions)) == 1
    attempt.refresh_from_db()
    assert (attempt.error, attempt.exit_code, attempt.task.reason) == ("e", 3, "x")
    Attempt.objects.update(ended_at=attempt.started_at)
    assert run(change(Attempt, new, conditions)) == 0


def test_what_follows_a_change_is_written_with_it_or_not_at_all():
    """On PostgreSQL they are parts of one statement, whose values have no columns to take their types from."""
    task = enqueue(Nothing, {})
    full, bare = Task(**FULL), Task(job="trial.nothing", title="only what must be", actor="hub")
    attempt = claim(enqueue(Nothing, {}).pk, "w")
    closed = change(Attempt, {"error": "e", "exit_code": 3}, {"task": attempt.task_id, "number": 1, "ended_at": None})
    follows = [insertion(full), insertion(bare), insertion(fact("trial.one", {"n": [1, "%s"]})), closed]
    wanted = {"id": task.pk, "state": ("queued",)}
    assert not run_given(change(Task, {"reason": "x"}, {**wanted, "attempt": 7}), *follows)
    attempt.refresh_from_db()
    assert not Task.objects.filter(pk__in=[full.pk, bare.pk]).exists() and attempt.error == ""
    with CaptureQueriesContext(connection) as queries:
        assert run_given(change(Task, {"reason": "x"}, wanted), *follows)
    assert len(queries) == (1 if connection.vendor == "postgresql" else 5)
    for row in (full, bare):
        assert columns(Task.objects.get(pk=row.pk)) == columns(row)
    attempt.refresh_from_db()
    assert attempt.exit_code == 3 and Event.objects.get(subject__endswith="trial.one").payload == {"n": [1, "%s"]}
    assert Task.objects.get(pk=task.pk).reason == "x" and run_given(change(Task, {"reason": "y"}, wanted))


def test_a_clause_is_one_more_condition():
    task, other = enqueue(Nothing, {}, subject="a.b:1"), enqueue(Nothing, {}, subject="%s'")
    plain = Clause(lambda: Task.objects.exclude(subject__in=["a.b:1", "b"]))
    assert run(change(Task, {"reason": "x"}, {"id": task.pk}, plain)) == 0
    assert run(change(Task, {"reason": "x"}, {"id": other.pk}, plain)) == 1
    Lane.objects.create(name="default", cap=1)
    assert run(change(Task, {"reason": "x"}, {"id": other.pk}, limits.UNLIMITED)) == 0


def test_what_is_searched_for_is_written_with_the_end_of_a_task():
    task = enqueue(Nothing, {})
    attempt = claim(task.pk, "w")
    assert settle(attempt.task, TaskState.FAILED, Ending(attempt=1, error="Ünheard of: it’s gone")) == TaskState.FAILED
    assert list(all_of(Task.objects.all(), read("ünheard"))) == [task]


def test_a_lookup_finds_what_its_query_finds():
    def query(key):
        return Task.objects.filter(pk=key, state=TaskState.BLOCKED).annotate(limited=limits.LIMITED)

    lookup, task, other = Lookup(query), Task.objects.create(**FULL), enqueue(Nothing, {})
    for limited in (False, True):
        if limited:
            Lane.objects.create(name="default", cap=1)
        found = lookup.get(task.pk)
        assert columns(found) == columns(query(task.pk).get()) and found.limited is limited
    assert lookup.get(other.pk) is None and lookup.get(uuid.uuid4()) is None


def test_no_move_leads_nowhere():
    """From states from which it may not move, nothing is asked of the database."""
    task = enqueue(Nothing, {})
    with CaptureQueriesContext(connection) as queries:
        assert not move(task, TaskState.SUCCEEDED, sources={TaskState.QUEUED})
    assert not [query for query in queries if "UPDATE" in query["sql"]]
    assert Task.objects.get(pk=task.pk).state == TaskState.QUEUED


def test_a_task_costs_few_statements():
    """docs/performance-tasks.md counts them. What opens and ends transactions is not counted here."""
    with CaptureQueriesContext(connection) as queries:
        task = enqueue(Nothing, {})
        attempt = claim(task.pk, "w")
        attempt.task.silent = True  # as the runner knows of a job that said nothing
        assert settle(attempt.task, TaskState.SUCCEEDED, Ending(attempt=1)) == TaskState.SUCCEEDED
    statements = [query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    enqueued, claimed, settled = (1, 2, 1) if connection.vendor == "postgresql" else (3, 4, 4)
    assert len(statements) == enqueued + claimed + settled, statements
