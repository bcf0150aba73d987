from __future__ import annotations

from pathlib import Path

import pytest

from projects.binding import running_stack
from projects.models import Project
from projects.tests.engines.conformance import EngineConformance
from projects.tests.engines.kit import PYTHON
from projects.tests.engines.processes_seen import mains_of, processes_of, supervisors_of
from projects.tests.engines.starts import StartConformance


class TestProcessEngine(EngineConformance):
    """The process engine does what every engine must do."""


class ProcessShop:
    """See `starts.Shop`."""

    engine, kinds, environ = "process", {"check", "ready"}, {}

    def write(self, folder: Path) -> None:
        (folder / "Procfile").write_text(
            "# hub: one-shot\njob: echo job done\n"
            f"# hub: depends_on=job\nweb: {PYTHON} -m http.server --bind 127.0.0.1 $PORT\n"
        )

    def alive(self, slug: str) -> list[str]:
        stack = running_stack(Project.objects.get(slug=slug))
        return [service for service in ("job", "web") for _ in mains_of(stack, service)]

    def left(self, slug: str) -> list[str]:
        stack = running_stack(Project.objects.get(slug=slug))
        return [f"process {pid}" for pid in processes_of(stack) + supervisors_of(stack)]


class TestStartsOfProcesses(StartConformance):
    """A start of the process engine may be left at any stage."""

    @pytest.fixture
    def shop(self) -> ProcessShop:
        return ProcessShop()
