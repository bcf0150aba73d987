"""Looking at a folder before it is registered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath

from projects import names, placement, ports
from projects.binding import allowed_folder, read_definition
from projects.errors import ProjectError
from projects.stacks import detect
from projects.stacks.spec import Definition, StackError


@dataclass(slots=True)
class Preview:
    """What Hub would make of a folder. `ports` holds (service, container port, host port that is free now). `node` is
    the other node that the folder is on: only that can read it."""

    path: str
    name: str = ""
    candidates: list[detect.Candidate] = field(default_factory=list)
    definition: Definition | None = None
    error: ProjectError | None = None
    ports: list[tuple[str, int, int]] = field(default_factory=list)
    node: str = ""


def preview(path: str, engine: str = "", node: str = "") -> Preview:
    """Look at a folder without changing anything; what is wrong is in `error`."""
    seen = Preview(path=path)
    try:
        if not placement.is_here(placement.node_of(node)):
            seen.node, seen.path = node, str(placement.unread(path, engine, node).path)
            seen.name = names.free_name(PurePath(seen.path).name or "project")
            return seen
        folder = allowed_folder(path)
        seen.path = str(folder)
        seen.name = names.free_name(folder.name)
        seen.candidates = detect.detect(folder)
        seen.definition = read_definition(path, engine)
        asked = ports.needs(seen.definition.services)
        free = ports.free_ports(len(asked), ports.taken()) if asked else []
        seen.ports = [(need.service, need.container_port, port) for need, port in zip(asked, free, strict=True)]
    except StackError as error:
        seen.error = ProjectError.of_stack(error)
    except ProjectError as error:
        seen.error = error
    return seen
