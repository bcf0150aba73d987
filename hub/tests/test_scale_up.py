"""A Hub that may have one or two workers, under load and after it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hub.tests.conftest import ROOT
from hub.tests.up_process import UpProcess

SLEEPS = """
from tasks.actions import enqueue
from tasks.jobs import Sleep
for number in range(5):
    enqueue(Sleep, {"seconds": 3})
"""
LOOK = """
from events.models import Event
from tasks.models import Task
print([event.payload["workers"] for event in Event.objects.filter(subject__endswith=".worker.scaled").order_by("id")])
print(sorted({(task.state, task.attempt) for task in Task.objects.all()}))
"""


@pytest.fixture(scope="module")
def up_environment(up_environment: dict[str, str]) -> dict[str, str]:
    return up_environment | {"HUB_WORKERS": "1", "HUB_WORKERS_MIN": "1", "HUB_WORKERS_MAX": "2",
                             "HUB_WORKERS_PATIENCE": "3"}


def workers(hub: UpProcess) -> set[str]:
    return {name for name in hub.children() if name.startswith("worker-")}


def test_workers_come_with_the_load_and_go_after_it_and_no_task_is_cut_off(start_hub, up_environment, eventually):
    hub = start_hub()

    def run(code: str) -> list[str]:
        return subprocess.run([sys.executable, str(ROOT / "manage.py"), "shell", "-v0", "-c", code], check=True,
                              env={**os.environ, **up_environment}, capture_output=True, text=True).stdout.splitlines()

    assert workers(hub) == {"worker-1"}
    run(SLEEPS)
    eventually(lambda: len(workers(hub)) == 2, 20, "There are not two workers.")
    eventually(lambda: len(workers(hub)) == 1, 60, "There are more workers than needed.")
    scaled, tasks = run(LOOK)
    assert scaled == "[2, 1]"
    assert tasks == "[('succeeded', 1)]" and "it is not needed any more" in hub.output
    eventually(hub.is_healthy)
