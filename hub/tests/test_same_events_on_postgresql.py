"""What events do on SQLite, they do on PostgreSQL: the same tests, run there; with a NATS server where there is one."""

from __future__ import annotations

import os
import subprocess
import sys

from conftest import REPOSITORY

TESTS = [
    "events/tests/test_match_subjects.py",
    "hub/tests/test_follow_events.py::test_who_was_cut_off_goes_on_without_gap_or_double",
    "hub/tests/test_lose_no_event.py",
    "hub/tests/test_speak_with_nats.py::test_the_watch_publishes_what_happens",
    "webhooks/tests/test_tell_others.py::test_what_is_not_taken_is_tried_again_and_holds_up_what_follows",
]


def test_streams_patterns_nats_and_webhooks_are_the_same_on_postgresql(postgres_url):
    environ = {**os.environ, "DATABASE_URL": postgres_url}
    for name in ("DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST"):
        environ.pop(name, None)
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(command, cwd=REPOSITORY, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout
