"""One whole Hub for the tests of a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.tests.system.running_hub import RunningHub, free_port, processes_of


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """One Hub for the tests of a file. At the end nothing of it or of its stacks may be left."""
    with tempfile.TemporaryDirectory(prefix="hub-system-") as scratch:
        data, root = Path(scratch).resolve() / "data", Path(scratch).resolve() / "projects"
        data.mkdir(mode=0o700)
        root.mkdir()
        low = 20000 + (os.getpid() * 37) % 20000
        running = RunningHub(data, root, free_port(), (low, low + 400))
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
