"""A stack of processes that this Hub started as a project of which there is no row any more."""

from __future__ import annotations

from pathlib import Path

from projects import environment
from projects.adoption.candidate import Adoptable, Candidate
from projects.binding import allowed_folder, read_definition
from projects.engines.process.environment import port_names
from projects.engines.process.found import Lives
from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.stacks.spec import Definition, StackError

PROCESS = "process"
PROCESSES = f"{PROCESS}/"
"""What the keys of these begin with: no name of a Compose project has a slash."""


class LostProcesses(Candidate):
    """Its run folder, and the supervisor with it, is found by its slug: so its project gets the same."""

    def __init__(self, lives: Lives):
        self.lives, self.slug = lives, lives.slug

    @property
    def shown(self) -> Adoptable:
        return Adoptable(PROCESSES + self.slug, self.slug, PROCESS, str(self.lives.folder),
                         sorted(self.lives.services), sorted(set(self.lives.ports.values())),
                         origin="started by this Hub, which has lost its entry")

    def folder(self) -> Path:
        try:
            return allowed_folder(str(self.lives.folder))
        except StackError as error:
            raise ProjectError.of_stack(error, field="adopt") from None

    def read(self, folder: Path) -> tuple[Definition, dict[str, str]]:
        said = read_definition(str(folder), PROCESS).env
        own = {name: value for name, value in self.lives.variables.items()
               if said.get(name) != value and not environment.RESERVED.match(name)}
        definition = read_definition(str(folder), PROCESS, own)
        if missing := set(self.lives.services) - {service.name for service in definition.services}:
            raise ProjectError(f"{', '.join(sorted(missing))} of {self.slug} runs, but is not in its files any more.",
                               field="adopt", hint="Put it back into the Procfile, then adopt again.")
        return definition, environment.checked(own)

    def leases(self, project: Project, definition: Definition) -> list[PortLease]:
        found: dict[int, PortLease] = {}
        for service in definition.services:
            for number in range(1, service.instances + 1):
                for port in service.ports:
                    leased = self.lives.ports.get(port_names(service, number, port)[1])
                    if leased is not None:
                        found.setdefault(leased, PortLease(
                            project=project, node=project.node, service=service.name, instance=number,
                            container_port=port.container_port, protocol=port.protocol, host_port=leased))
        return list(found.values())
