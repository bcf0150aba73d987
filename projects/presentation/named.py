"""Which ports have a number of their own in the files of a project, rather than one that Hub counted out for them."""

from __future__ import annotations

from projects.binding import read_definition
from projects.errors import ProjectError
from projects.models import Project


def named_ports(project: Project) -> frozenset[tuple[str, int]]:
    """`(service, number)` of the ports whose number stands in the folder's files; none when they cannot be read now.
    In a Compose file every port has one."""
    if project.engine != Project.Engine.PROCESS:
        return frozenset((lease.service, lease.container_port) for lease in project.leases.all())
    try:
        definition = read_definition(project.path, project.engine)
    except ProjectError:
        return frozenset()
    return frozenset((service.name, port.container_port)
                     for service in definition.services for port in service.ports if port.named)
