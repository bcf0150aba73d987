"""The `docker compose` commands that Hub runs, as argument lists."""

from __future__ import annotations

from pathlib import Path

from projects.engines.compose.naming import project_name
from projects.stacks.compose import cli
from projects.stacks.spec import Stack


def up(docker: str, stack: Stack, file: Path, services: list[str] | None = None) -> list[str]:
    """Create and start containers. Images are there already: what is missing was pulled and built before."""
    words = [*_base(docker, stack, file), "up", "--detach", "--no-build", "--remove-orphans"]
    return [*words, "--no-deps", *services] if services else words


def build(docker: str, stack: Stack, file: Path, service: str) -> list[str]:
    """Build the image of one service."""
    return [*_base(docker, stack, file), "build", service]


def _base(docker: str, stack: Stack, file: Path) -> list[str]:
    words = cli.compose(docker, name=project_name(stack), folder=stack.path, files=[file])
    # Before the subcommand: lines that can be read one by one, on a terminal or not.
    return [*words[:2], "--ansi", "never", "--progress", "plain", *words[2:]]
