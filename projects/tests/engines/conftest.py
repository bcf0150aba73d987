from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from projects.tests.engines.kit import ProcessKit
from projects.tests.engines.processes_seen import zombies_of_ours


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[ProcessKit]:
    """Real stacks on the process engine. After every test: nothing was left behind, and no zombie of ours."""
    kit = ProcessKit(tmp_path)
    yield kit
    assert list(kit.close()) == []
    assert zombies_of_ours() == []
