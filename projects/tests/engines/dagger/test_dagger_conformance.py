from __future__ import annotations

import pytest

from projects.tests.engines.conformance import EngineConformance


@pytest.mark.xdist_group("docker")
class TestDaggerEngine(EngineConformance):
    """The dagger engine does what every engine must do."""
