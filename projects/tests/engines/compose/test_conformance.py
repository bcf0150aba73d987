from __future__ import annotations

from collections.abc import Iterator

import pytest

from projects.tests.docker_engine import DockerEngine
from projects.tests.engines.compose.shop import ComposeShop
from projects.tests.engines.conformance import EngineConformance
from projects.tests.engines.starts import StartConformance
from projects.tests.registry import Registry


@pytest.mark.xdist_group("docker")
class TestComposeEngine(EngineConformance):
    """The compose engine does what every engine must do."""


@pytest.mark.xdist_group("docker")
class TestStartsByCompose(StartConformance):
    """A start of the compose engine may be left at any stage."""

    @pytest.fixture
    def shop(self, docker_engine: DockerEngine) -> Iterator[ComposeShop]:
        with Registry() as registry:
            shop = ComposeShop(docker_engine, registry)
            yield shop
            shop.close()
