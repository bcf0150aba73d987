from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from projects.tests.docker_engine import DockerEngine
from projects.tests.engines.compose.kit import ComposeKit
from projects.tests.engines.processes_seen import zombies_of_ours


@pytest.fixture
def kit(tmp_path: Path, docker_engine: DockerEngine) -> Iterator[ComposeKit]:
    """Real stacks on a real Docker Engine. After every test: nothing was left behind, and no zombie of ours."""
    kit = ComposeKit(tmp_path, docker_engine)
    yield kit
    assert list(kit.close()) == []
    assert zombies_of_ours() == []
