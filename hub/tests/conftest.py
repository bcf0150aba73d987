"""Whole Hubs, started as a user starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.tests.up_process import UpProcess
from projects.tests.port_slice import claimed, free_port

ROOT = Path(__file__).resolve().parent.parent.parent


StartHub = Callable[..., UpProcess]


@pytest.fixture(scope="module")
def hub_data(tmp_path_factory) -> Path:
    """A data folder that the Hubs of one test file use one after the other."""
    return tmp_path_factory.mktemp("hub") / "data"


@pytest.fixture(scope="module")
def up_environment(hub_data: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    # SQLite, whatever the suite runs on: a whole Hub of the test's own. Empty values hide the checkout's .env.
    return environment | {"HUB_DATA": str(hub_data), "HUB_ID": "", "HUB_PROJECTS_ROOT": str(ROOT), "HUB_WORKERS": "2",
                          "HUB_PORT_RANGE": "{}-{}".format(*claimed().hub), "DATABASE_URL": "", "REDIS_URL": "",
                          "HUB_RATE_HOUR": "1000000", "HUB_RATE_BURST": "100000"}


@pytest.fixture(scope="module")
def start_hub(hub_data: Path, up_environment: dict[str, str], tmp_path_factory) -> Iterator[StartHub]:
    """`start_hub()` starts one on a free port and returns it when it is ready; `start_hub(ready=False)` at once."""
    started: list[UpProcess] = []

    def start(*, ready: bool = True, port: int | None = None, before: tuple[str, ...] = ()) -> UpProcess:
        port = port or free_port()
        log = tmp_path_factory.mktemp("log") / "up.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*before, sys.executable, str(ROOT / "manage.py"), "up"], cwd="/", stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, env={**up_environment, "HUB_PORT": str(port)}, start_new_session=True, umask=0o022,
            )  # fmt: skip
        hub = UpProcess(hub_data, port, log, process)
        started.append(hub)
        deadline = time.monotonic() + 60
        while ready and "Hub is ready" not in hub.output:
            assert process.poll() is None, hub.output
            assert time.monotonic() < deadline, hub.output
            time.sleep(0.05)
        hub.look()
        return hub

    yield start
    for hub in started:
        if hub.process.poll() is None:
            hub.process.send_signal(signal.SIGTERM)
            hub.process.wait(30)
