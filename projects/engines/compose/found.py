"""Compose projects that are on a Docker host, started by others or by this Hub: what can be adopted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from projects.engines.compose.containers import Container, Look
from projects.engines.compose.naming import HUB_ID, HUB_PROJECT, HUB_REVISION
from projects.stacks.spec import Definition, Stack

FOLDER = "com.docker.compose.project.working_dir"
FILES = "com.docker.compose.project.config_files"
ENV_FILES = "com.docker.compose.project.environment_file"
ALIVE = ("running", "paused", "restarting")
NEVER = datetime(1, 1, 1, tzinfo=UTC)

ANYWHERE = Stack(hub_id="", slug="", definition=Definition("compose", Path("/"), Path("/"), ()), run_dir=Path("/"))
"""No stack: it has no variables, so its Docker host is the one that Hub itself uses."""


@dataclass(frozen=True, slots=True)
class Found:
    """A Compose project as the labels of its containers tell of it: where it was started, from which files, with which
    env files. The paths are those of whoever started it. `slug`: of the project that it was to this Hub, and `revision`
    what was started of it last; empty and 0 for what no Hub started."""

    name: str
    folder: Path
    files: tuple[Path, ...]
    env_files: tuple[Path, ...]
    containers: tuple[Container, ...]
    slug: str = ""
    revision: int = 0

    @property
    def runs(self) -> bool:
        return any(one.state in ALIVE for one in self.containers)

    @property
    def services(self) -> list[str]:
        return sorted({one.service for one in self.containers})

    @property
    def unnamed_volumes(self) -> list[str]:
        """The services that keep data in a volume without a name, which no later container gets back."""
        return sorted({one.service for one in self.containers for name in one.volumes if _is_unnamed(name)})


def found_in(look: Look, hub_id: str) -> list[Found]:
    """Every Compose project of which there are containers, without those that another Hub started, by name."""
    return [
        _found(name, containers) for name, containers in sorted(look.containers.items())
        if {one.labels.get(HUB_ID, hub_id) for one in containers} == {hub_id}
    ]


def _found(name: str, containers: list[Container]) -> Found:
    # Services may have been started one by one, each from other files: the last start is the one that counts.
    labels = max(containers, key=lambda one: one.started_at or NEVER).labels
    folder = Path(labels.get(FOLDER, ""))
    revision = labels.get(HUB_REVISION, "")
    return Found(name, folder, _paths(folder, labels.get(FILES, "")), _paths(folder, labels.get(ENV_FILES, "")),
                 tuple(containers), labels.get(HUB_PROJECT, ""), int(revision) if revision.isdigit() else 0)


def _paths(folder: Path, text: str) -> tuple[Path, ...]:
    return tuple(folder / part for part in text.split(",") if part)


def _is_unnamed(volume: str) -> bool:
    """Docker gives such a volume 64 hexadecimal digits."""
    return len(volume) == 64 and all(sign in "0123456789abcdef" for sign in volume)
