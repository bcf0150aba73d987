"""A Hub that may have one or two workers, under load and after it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys

import pytest

from hub.tests.conftest import ROOT
from hub.tests.up_process import UpProcess

SLEEPS = """
from tasks.actions import enqueue
from tasks.jobs import Sleep
for number in range(3):
    enqueue(Sleep, {"seconds": 4})
"""
SCALED = "SELECT payload FROM events_event WHERE subject LIKE '%.worker.scaled' ORDER BY id"
TASKS = """SELECT task.state, task.attempt, attempt.worker FROM tasks_task task
           JOIN tasks_attempt attempt ON attempt.task_id = task.id"""


@pytest.fixture(scope="module")
def up_environment(up_environment: dict[str, str]) -> dict[str, str]:
    return up_environment | {"HUB_WORKERS": "1", "HUB_WORKERS_MIN": "1", "HUB_WORKERS_MAX": "2",
                             "HUB_WORKERS_PATIENCE": "1"}


def workers(hub: UpProcess) -> set[str]:
    return {name for name in hub.children() if name.startswith("worker-")}


def test_workers_come_with_the_load_and_go_after_it_and_no_task_is_cut_off(start_hub, up_environment, eventually):
    hub = start_hub()
    assert workers(hub) == {"worker-1"}
    subprocess.run([sys.executable, str(ROOT / "manage.py"), "shell", "-v0", "-c", SLEEPS], check=True,
                   env={**os.environ, **up_environment})
    eventually(lambda: len(workers(hub)) == 2, 20, "There are not two workers.")
    eventually(lambda: len(workers(hub)) == 1, 60, "There are more workers than needed.")
    with contextlib.closing(sqlite3.connect(f"file:{hub.data}/hub.sqlite3?mode=ro", uri=True)) as database:
        scaled = [json.loads(payload)["workers"] for (payload,) in database.execute(SCALED)]
        tasks = database.execute(TASKS).fetchall()
    assert scaled == [2, 1]
    assert [(state, attempt) for state, attempt, _ in tasks] == [("succeeded", 1)] * 3
    assert len({worker for _, _, worker in tasks}) == 2  # the second was of use, and was not cut off
    assert "it is not needed any more" in hub.output
    eventually(hub.is_healthy)
