"""What the tasks' own SQL does on SQLite, it does on PostgreSQL: the same tests, run there."""

from __future__ import annotations

import os
import subprocess
import sys

from conftest import REPOSITORY

TESTS = [
    "tasks/tests/test_write_plainly.py",
    *(f"tasks/tests/test_limit_lanes.py::{name}" for name in (
        "test_of_many_claims_at_once_only_as_many_as_the_cap_are_admitted",
        "test_a_task_that_no_limit_is_about_costs_its_claim_no_query",
        "test_a_limit_that_is_set_while_a_claim_looks_at_its_task_is_kept",
        "test_upper_and_lower_case_are_two_things_in_a_subject",
    )),
    "tasks/tests/search/test_find_by_days.py",
    *(f"tasks/tests/search/test_show_odd_rows.py::{name}" for name in (
        "test_on_every_page", "test_by_the_api", "test_search_takes_it_in_with_all_others")),
    "hub/tests/test_keep_nodes.py::test_two_workers_of_one_folder_that_begin_at_once_both_join",
]  # fmt: skip


def test_statements_limits_odd_rows_and_nodes_are_the_same_on_postgresql(postgres_url):
    environ = {**os.environ, "DATABASE_URL": postgres_url}
    for name in ("DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"):
        environ.pop(name, None)
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout
