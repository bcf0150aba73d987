from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from projects.engines.dagger.access import CLI_VARIABLE, access
from projects.tests.docker_engine import BUSYBOX, DockerEngine
from projects.tests.engines.dagger.kit import DaggerKit
from projects.tests.engines.processes_seen import zombies_of_ours


def real_cli() -> Path | None:
    """The real Dagger CLI of this machine, where there is one."""
    found = access({**os.environ, CLI_VARIABLE: os.environ.get(CLI_VARIABLE, "")})
    return Path(found.cli) if found and found.cli else None


@pytest.fixture(scope="session")
def root(docker_engine: DockerEngine) -> bytes:
    """The file system of the tests' image, packed."""
    client = docker_engine.client()
    container = client.containers.create(BUSYBOX, "true")
    packed = b"".join(container.export())
    container.remove()
    client.close()
    return packed


@pytest.fixture(params=["double", *(["real"] if real_cli() else [])])
def kit(request: pytest.FixtureRequest, tmp_path: Path, docker_engine: DockerEngine,
        root: bytes) -> Iterator[DaggerKit]:
    """Real stacks on a real Docker Engine, built by the double, and by Dagger itself where its CLI is found. After
    every test: nothing was left behind, and no zombie of ours."""
    kit = DaggerKit(tmp_path, docker_engine, root, cli=real_cli() if request.param == "real" else None)
    yield kit
    assert list(kit.close()) == []
    assert zombies_of_ours() == []
