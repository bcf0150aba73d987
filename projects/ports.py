"""Host ports: leased to one project each, in the database, and seen to be free by a real bind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from events.context import current
from projects.engines import host_ports
from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.stacks.spec import ServiceSpec

ATTEMPTS = 20


class Need(NamedTuple):
    """A port that a definition asks for."""

    service: str
    instance: int
    container_port: int
    protocol: str


def needs(services: Iterable[ServiceSpec]) -> list[Need]:
    """Every port that the services ask for, one for each instance."""
    return [
        Need(service.name, instance, port.container_port, port.protocol)
        for service in services
        for port in service.ports
        for instance in range(1, service.instances + 1)
    ]


def rows(services: Iterable[ServiceSpec]) -> list[list[Need]]:
    """The needs of ports whose instances must have neighbours, instance by instance."""
    return [
        [Need(service.name, instance, port.container_port, port.protocol)
         for instance in range(1, service.instances + 1)]
        for service in services for port in service.ports if port.row and service.instances > 1
    ]


def taken(node: str = "") -> set[int]:
    """Every host port that is leased on a node (this one)."""
    return set(PortLease.objects.filter(node=node or settings.HUB_NODE).values_list("host_port", flat=True))


def free_ports(count: int, without: set[int], node: str = "") -> list[int]:
    """`count` ports of Hub's range that nobody leased and nobody listens on, lowest first; a row of neighbours where
    there is one. ProjectError when the range is used up. Who listens on another `node` is seen only there: a start
    says it."""
    is_here = node in ("", settings.HUB_NODE)
    low, high = settings.HUB_PORT_RANGE
    free: list[int] = []
    for port in range(low, high + 1):
        if port not in without and (not is_here or host_ports.is_free(port)):
            free.append(port)
            if len(free) >= count and free[-1] - free[-count] == count - 1:
                return free[-count:]
            if len(free) >= 4 * count + 20:
                break
    if len(free) < count:
        raise ProjectError(f"No port is left between {low} and {high}.", field="ports", code="conflict",
                           hint="Delete a project, or widen HUB_PORT_RANGE.")
    return free[:count]


def lease(project: Project, services: Iterable[ServiceSpec], wanted: dict[str, int] | None = None) -> list[PortLease]:
    """Make the project's leases what its services need; leases that are still needed keep their ports.

    `wanted` asks for ports by `service` or `service:container_port`. All or nothing, safe against others who lease at
    the same time. ProjectError when a wanted port is another's, taken by a listener, or asked for nothing.
    """
    services = list(services)
    asked = needs(services)
    wishes = _wishes(asked, wanted or {})
    groups = rows(services)
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                return _lease_once(project, asked, {**wishes, **_row_wishes(project, groups, wishes)})
        except IntegrityError:
            # Somebody else was quicker with one of these ports: the next look sees it as taken.
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _lease_once(project: Project, asked: list[Need], wishes: dict[Need, int]) -> list[PortLease]:
    held = {Need(row.service, row.instance, row.container_port, row.protocol): row for row in project.leases.all()}
    for need, row in list(held.items()):
        if need not in asked or (need in wishes and wishes[need] != row.host_port):
            row.delete()
            del held[need]
    others = taken(project.node)
    for need, port in wishes.items():
        if need not in held:
            check_free(port, project.node)
    missing = [need for need in asked if need not in held]
    open_needs = [need for need in missing if need not in wishes]
    closed = others | set(wishes.values())
    found = iter(free_ports(len(open_needs), closed, project.node) if open_needs else ())
    PortLease.objects.bulk_create(
        PortLease(project=project, node=project.node, service=need.service, instance=need.instance,
                  container_port=need.container_port, protocol=need.protocol,
                  host_port=wishes[need] if need in wishes else next(found))
        for need in missing
    )
    return list(project.leases.all())


def _row_wishes(project: Project, groups: list[list[Need]], wishes: dict[Need, int]) -> dict[Need, int]:
    """Ports for the rows that are not leased as rows yet: beginning with the one that is wished for the first
    instance, else where there is room."""
    held = {Need(row.service, row.instance, row.container_port, row.protocol): row.host_port
            for row in project.leases.all()}
    found: dict[Need, int] = {}
    for group in groups:
        first = wishes.get(group[0], held.get(group[0]))
        if first is not None and [held.get(need) for need in group] == list(range(first, first + len(group))):
            continue
        if group[0] not in wishes:
            own = {held[need] for need in group if need in held}
            away = (taken(project.node) - own) | {*wishes.values(), *found.values()}
            first = _free_row(len(group), away, project.node)
        found.update({need: first + number for number, need in enumerate(group)})
    return found


def _free_row(count: int, without: set[int], node: str) -> int:
    """The first of `count` neighbours of Hub's range that are free on a node. ProjectError when there are none."""
    is_here = node in ("", settings.HUB_NODE)
    low, high = settings.HUB_PORT_RANGE
    length = 0
    for port in range(low, high + 1):
        is_free = port not in without and (not is_here or host_ports.is_free(port))
        length = length + 1 if is_free else 0
        if length == count:
            return port - count + 1
    raise ProjectError(f"There are no {count} ports beside each other left between {low} and {high}.", field="ports",
                       code="conflict", hint="Delete a project, or widen HUB_PORT_RANGE.")


def check_free(port: int, node: str = "") -> None:
    """ProjectError when the port of a node (this one) is leased to another, or a process of this host listens on it."""
    node = node or settings.HUB_NODE
    owner = PortLease.objects.select_related("project").filter(host_port=port, node=node).first()
    if owner is not None:
        exists = current().projects is None or owner.project_id in current().projects
        whose = f"{owner.service} of {owner.project.name}" if exists else "another project"
        raise ProjectError(f"Port {port} is leased to {whose}.", field="ports",
                           code="conflict", hint="Choose another port, or leave it empty and Hub leases one.")
    if node == settings.HUB_NODE and not host_ports.is_free(port):
        who = host_ports.holder(port)
        raise ProjectError(f"Port {port} is taken by {who or 'a process outside Hub'}.", field="ports",
                           code="conflict", hint="Choose another port, or leave it empty and Hub leases one.")


def _wishes(asked: list[Need], wanted: dict[str, int]) -> dict[Need, int]:
    wishes: dict[Need, int] = {}
    for name, port in wanted.items():
        service, _, number = str(name).partition(":")
        matches = [
            need for need in asked
            if need.service == service and (not number or str(need.container_port) == number) and need.instance == 1
        ]
        if not matches:
            known = ", ".join(sorted({need.service for need in asked})) or "none"
            raise ProjectError(f"There is no port of {str(name)[:100]!r} to lease.", field="ports",
                               hint=f"Services with a port: {known}.")
        if len(matches) > 1:
            raise ProjectError(f"{service} has several ports.", field="ports",
                               hint="Name one: " + ", ".join(f"{service}:{need.container_port}" for need in matches))
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise ProjectError(f"The port of {service} must be a number from 1 to 65535.", field="ports")
        if port in wishes.values():
            raise ProjectError(f"Port {port} is asked for twice.", field="ports")
        wishes[matches[0]] = port
    return wishes
