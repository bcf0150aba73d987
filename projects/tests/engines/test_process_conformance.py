from __future__ import annotations

from projects.tests.engines.conformance import EngineConformance


class TestProcessEngine(EngineConformance):
    """The process engine does what every engine must do."""
