"""Makes real Compose stacks whose images Dagger builds, or its double."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from projects.engines.dagger.access import CLI_VARIABLE
from projects.engines.dagger.engine import DaggerEngine
from projects.stacks import detect
from projects.tests.docker_engine import DockerEngine
from projects.tests.engines.compose.kit import ComposeKit
from projects.tests.engines.dagger.fake_cli import double_cli


class DaggerKit(ComposeKit):
    """See `conformance.Kit`. Every service has a build section; `cli` builds them, from `root`, a packed file system:
    an engine has no image of the tests, and no registry is asked."""

    def __init__(self, folder: Path, docker: DockerEngine, root: bytes, cli: Path | None = None):
        super().__init__(folder, docker)
        self.root = root
        self.cli = cli or double_cli(folder, docker=True, record=str(folder / "asked.jsonl"))
        self.engine = DaggerEngine({**os.environ, CLI_VARIABLE: str(self.cli)})

    def definition(self, path: Path, env: dict[str, str] | None):
        return detect.read(path, "dagger", env)

    def _service(self, kind: str, path: Path) -> dict[str, Any]:
        service = super()._service(kind, path)
        del service["image"]
        (path / "root.tar").write_bytes(self.root)
        (path / "Dockerfile").write_text("FROM scratch\nADD root.tar /\nARG KIND\nRUN echo built for $KIND > /built\n")
        return {**service, "build": {"context": ".", "args": {"KIND": kind}}}
