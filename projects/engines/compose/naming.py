"""The names and labels by which everything of a stack is found on a Docker host."""

from __future__ import annotations

import re

from projects.stacks.spec import ServiceSpec, Stack

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"
HUB_ID, HUB_PROJECT, HUB_REVISION = "hub.id", "hub.project", "hub.revision"


def project_name(stack: Stack) -> str:
    """The name of the Compose project that a stack is: its own, where it was adopted."""
    return stack.adopted or f"hub-{stack.slug}"


def image_name(stack: Stack, service: str) -> str:
    """What an image that Hub builds for a service is called. A tag for each revision: a start can go back to one."""
    return f"{image_repository(stack, service)}:r{stack.revision}"


def image_repository(stack: Stack, service: str) -> str:
    return f"hub-{stack.slug}-{re.sub(r'[^a-z0-9]+', '-', service.lower()).strip('-') or 'service'}"


def labels_for(stack: Stack) -> dict[str, str]:
    """The labels of containers, networks and volumes."""
    return {HUB_ID: stack.hub_id, HUB_PROJECT: stack.slug, HUB_REVISION: str(stack.revision)}


def instance_name(service: ServiceSpec, number: int) -> str:
    """The name of the container of that number, as in `ServiceSpec.instance_names`."""
    return service.name if service.instances == 1 else f"{service.name}.{number}"


def port_variables(stack: Stack) -> dict[str, str]:
    """How the services of a stack find each other from the host: `HUB_PORT_<SERVICE>_<PORT>` for each published port,
    of its instance n > 1 `HUB_PORT_<SERVICE>__<n>_<PORT>`; with `_UDP` behind it where TCP has the same number."""
    variables: dict[str, str] = {}
    for service in stack.services:
        name = re.sub(r"[^A-Z0-9]", "_", service.name.upper())
        tcp = {port.container_port for port in service.ports if port.protocol == "tcp"}
        for number in range(1, service.instances + 1):
            own = f"HUB_PORT_{name}" if number == 1 else f"HUB_PORT_{name}__{number}"
            for port in service.ports:
                leased = stack.host_port(service.name, number, port)
                if leased is not None:
                    both = port.protocol == "udp" and port.container_port in tcp
                    variables[f"{own}_{port.container_port}{'_UDP' if both else ''}"] = str(leased)
    return variables
