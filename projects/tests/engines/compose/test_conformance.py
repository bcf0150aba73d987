from __future__ import annotations

import pytest

from projects.tests.engines.conformance import EngineConformance


@pytest.mark.xdist_group("docker")
class TestComposeEngine(EngineConformance):
    """The compose engine does what every engine must do."""
