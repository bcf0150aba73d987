"""Something that could become a project as it is: what every kind of it has to tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.stacks.spec import Definition


@dataclass(slots=True)
class Adoptable:
    """What can be adopted, as it is listed. `key` is what to ask for; `error` says why it cannot be. `ports` are the
    host ports on which it answers, `warnings` what an adopter should know before. `origin` says who started it."""

    key: str
    name: str
    engine: str
    path: str
    services: list[str]
    ports: list[int]
    runs: bool = True
    origin: str = ""
    error: ProjectError | None = None
    warnings: list[str] = field(default_factory=list)


class Candidate(ABC):
    """One of them. `slug`: the one that its project must get, because what runs is found by it; `adopted`: the name of
    a Compose project that it keeps; `revision`: the number of what runs; `images`: digests by service; `good`: whether
    all of it is well, None where that cannot be told."""

    slug = ""
    adopted = ""
    revision = 1
    images: dict[str, str] = {}
    good: bool | None = None

    @property
    @abstractmethod
    def shown(self) -> Adoptable:
        """It, as it is listed, without what is in its way."""

    @abstractmethod
    def folder(self) -> Path:
        """Its folder. ProjectError when that, or a file that it was started from, is gone or must not be read."""

    @abstractmethod
    def read(self, folder: Path) -> tuple[Definition, dict[str, str]]:
        """What its files say now, and the variables that it needs in the project's environment to be read as it was
        started. ProjectError when that does not go together with what runs."""

    @abstractmethod
    def leases(self, project: Project, definition: Definition) -> list[PortLease]:
        """A lease, not saved, for each port on which it answers."""
