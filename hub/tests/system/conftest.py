"""One whole Hub for the tests of a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.tests.system.running_hub import RunningHub, processes_of
from projects.tests.port_slice import claimed


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """One Hub for the tests of a file. At the end nothing of it or of its stacks may be left."""
    with tempfile.TemporaryDirectory(prefix="hub-system-") as scratch:
        data, root = Path(scratch).resolve() / "data", Path(scratch).resolve() / "projects"
        data.mkdir(mode=0o700)
        root.mkdir()
        ports = claimed()
        running = RunningHub(data, root, ports.free(), ports.hub)
        try:
            running.up()
            yield running
            running.manage("up", "--stop-stacks")
        finally:
            running.down()
            left = processes_of(data)
            for process in left:
                process.kill()
            assert not left, f"left running: {left}"
