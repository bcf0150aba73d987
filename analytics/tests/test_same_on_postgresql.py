"""What is counted on SQLite is counted the same on PostgreSQL; and percentiles are those of `percentile_cont`."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from analytics import counting, schema
from analytics.measures import lengths
from analytics.queries import EVERYTHING, together, trend
from analytics.ranges import asked
from conftest import REPOSITORY
from tasks.models import Task

TESTS = [
    *(f"analytics/tests/test_count_tasks.py::{name}" for name in (
        "test_a_task_that_ends_is_counted_once_in_every_dimension_and_width",
        "test_the_wait_ends_with_the_first_attempt",
        "test_roll_ups_equal_a_full_count_after_late_and_scattered_ends[0]",
        "test_a_day_that_was_pruned_keeps_its_counts_and_is_not_made_anew",
        "test_counters_that_are_killed_at_any_moment_count_each_task_once",
    )),
    *(f"analytics/tests/test_ask_the_api.py::{name}" for name in (
        "test_tasks_are_counted_by_each_dimension_with_percentiles",
        "test_they_are_counted_when_their_rows_are_gone_and_a_query_counts_what_is_kept",
    )),
    "analytics/tests/test_same_on_postgresql.py::test_percentiles_are_those_of_the_database",
    *(f"analytics/builder/tests/test_build_reports.py::{name}" for name in (
        "test_percentiles_lie_between_two_neighbours_as_the_standard_says",
        "test_a_group_leads_to_exactly_the_rows_behind_it",
    )),
]  # fmt: skip
SHAPES = {
    "a long tail": lambda chance: chance.lognormvariate(1, 1.5),
    "quick or slow": lambda chance: abs(chance.gauss(0.2, 0.03) if chance.random() < 0.7 else chance.gauss(90, 8)),
    "a burst that waits": lambda chance: 0.0 if chance.random() < 0.3 else chance.paretovariate(1.2) / 250,
}


def test_counting_and_asking_are_the_same_on_postgresql(postgres_url):
    environ = {**os.environ, "DATABASE_URL": postgres_url}
    for name in ("DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"):
        environ.pop(name, None)
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.django_db
@pytest.mark.parametrize("shape", SHAPES)
def test_percentiles_are_those_of_the_database(shape: str):
    """Run by the test above on PostgreSQL; SQLite has no `percentile_cont`."""
    chance, now = random.Random(8), timezone.now()
    tasks = []
    for _ in range(1000):
        finished = now - timedelta(seconds=chance.uniform(0, 5 * 86400))
        started = finished - timedelta(seconds=SHAPES[shape](chance))
        created = started - timedelta(seconds=SHAPES[shape](chance))
        tasks.append(Task(job="some.job", title="Some", actor="test", state="succeeded", attempt=1, created_at=created,
                          ready_at=created, started_at=started, finished_at=finished))
    Task.objects.bulk_create(tasks)
    schema.note_all(connection)
    assert counting.count_all(batch=400) == 1000
    total = together(trend(asked("7d", "", now), EVERYTHING))
    if connection.vendor != "postgresql":
        assert total.all.count == 1000
        return
    with connection.cursor() as cursor:
        for kind, length in (("wait", "started_at - ready_at"), ("run", "finished_at - started_at")):
            cursor.execute("SELECT percentile_cont(ARRAY[0.5, 0.75, 0.95, 0.99, 1.0]) WITHIN GROUP (ORDER BY"
                           f" EXTRACT(EPOCH FROM ({length}))::float8) FROM tasks_task")
            (exact,) = cursor.fetchone()
            assert list(lengths(total, kind).values()) == pytest.approx(exact, rel=0.01)
