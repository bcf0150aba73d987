"""A Hub whose workers come and go with the load, by hand, and after a death."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from hub.tests.conftest import ROOT
from hub.tests.up_process import UpProcess
from hub.tests.wave import Wave, verdict

PATIENCE, COOLDOWN = 4, 1


@pytest.fixture(scope="module")
def up_environment(up_environment: dict[str, str]) -> dict[str, str]:
    return up_environment | {"HUB_WORKERS": "1", "HUB_WORKERS_MIN": "1", "HUB_WORKERS_MAX": "2", "HUB_NODE": "here",
                             "HUB_WORKERS_PATIENCE": f"{PATIENCE}", "HUB_WORKERS_COOLDOWN": f"{COOLDOWN}"}


@pytest.fixture(scope="module")
def hub(start_hub) -> UpProcess:
    return start_hub()


@pytest.fixture(scope="module")
def manage(up_environment):
    """`manage("workers", "list")`: what a command on this Hub prints."""

    def run(*arguments: str) -> str:
        return subprocess.run([sys.executable, str(ROOT / "manage.py"), *arguments], check=True, text=True,
                              env={**os.environ, **up_environment}, stdout=subprocess.PIPE).stdout

    return run


def workers(hub: UpProcess) -> dict[str, int]:
    return {name: pid for name, pid in hub.children().items() if name.startswith("worker-")}


def test_a_square_wave_does_not_flap_and_the_watch_may_die_while_a_worker_goes(hub, up_environment, eventually):
    assert set(workers(hub)) == {"worker-1"}
    Wave(bursts=3, number=5, seconds=0.8, period=3.0).run(up_environment)
    eventually(lambda: [change.workers for change in verdict(hub.data).changes][-2:] == [2, 1], 60,
               "It was not scaled up and down again.")
    os.kill(hub.children()["watch"], signal.SIGKILL)
    eventually(lambda: len(workers(hub)) == 1, 30, "The worker that was too many stays.")
    seen = verdict(hub.data)
    assert not any(seen.faults(PATIENCE, COOLDOWN).values()), seen
    assert seen.changes[0].workers == 2 and seen.changes[-1].workers == 1 and len(seen.queued) == 15
    assert "it is not needed any more" in hub.output
    eventually(hub.is_healthy)


def test_a_number_set_by_hand_holds_through_kills_until_it_is_released(hub, manage, eventually):
    """Also beyond the bounds of the settings."""
    assert "3 workers, set by hand" in manage("workers", "scale", "3", "--reason", "a sale")
    eventually(lambda: len(workers(hub)) == 3, 30)
    for name in ("worker-1", "worker-3"):
        before = workers(hub)
        os.kill(before[name], signal.SIGKILL)
        eventually(lambda name=name, pid=before[name]: workers(hub).get(name, pid) != pid, 30)
    eventually(lambda: {one["pid"] for one in json.loads(manage("workers", "list", "--json"))}
               == set(workers(hub).values()) and len(workers(hub)) == 3, 30, "The registry is not exact.")
    assert "as many as are needed from 1 to 2" in manage("workers", "scale", "auto")
    eventually(lambda: len(workers(hub)) < 3, 60, "There are more workers than the bounds allow.")
    changes = verdict(hub.data).changes
    assert "a sale" in next(change.reason for change in changes if change.workers == 3)
    assert ("The bounds are 1 to 2: 2 workers.", 2) in [(change.reason, change.workers) for change in changes]
