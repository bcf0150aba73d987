from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from projects.engines.dagger.access import CLI_VARIABLE
from projects.tests.docker_engine import DockerEngine
from projects.tests.engines.compose.shop import ComposeShop
from projects.tests.engines.conformance import EngineConformance
from projects.tests.engines.dagger.fake_cli import double_cli
from projects.tests.engines.starts import StartConformance
from projects.tests.registry import Registry


@pytest.mark.xdist_group("docker")
class TestDaggerEngine(EngineConformance):
    """The dagger engine does what every engine must do."""


class DaggerShop(ComposeShop):
    """See `starts.Shop`. The double builds; `root` is a packed file system."""

    engine, kinds = "dagger", {"check", "dagger", "read", "build", "export", "pull", "create", "ready"}
    base = "FROM scratch\nADD root.tar /\n"

    def __init__(self, docker: DockerEngine, registry: Registry, root: bytes, folder: Path):
        super().__init__(docker, registry)
        self.root = root
        self.environ = {CLI_VARIABLE: str(double_cli(folder, docker=True))}

    def write(self, folder: Path) -> None:
        super().write(folder)
        (folder / "root.tar").write_bytes(self.root)


@pytest.mark.xdist_group("docker")
class TestStartsByDagger(StartConformance):
    """A start of the dagger engine may be left at any stage."""

    @pytest.fixture
    def shop(self, docker_engine: DockerEngine, root: bytes, tmp_path: Path) -> Iterator[DaggerShop]:
        with Registry() as registry:
            shop = DaggerShop(docker_engine, registry, root, tmp_path)
            yield shop
            shop.close()
