"""What would go wrong with a folder that is not registered yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from projects.binding import home_of
from projects.engines.base import Problem
from projects.engines.registry import ENGINES
from projects.stacks.ports import takes_port
from projects.stacks.spec import Definition, ServiceSpec, Stack

# Names no project: no slug begins with a dash.
NOBODY = "-preview"


def warnings_of(definition: Definition, ports: Iterable[tuple[str, int, int]]) -> list[Problem]:
    """What would stop a start of the definition now, and ports that nothing says anybody will listen on.

    `ports` are the (service, container port, host port) that would be leased, in the order of the instances.
    """
    engine = ENGINES.get(definition.engine)
    if engine is None:
        return []
    instances: Counter[tuple[str, int]] = Counter()
    leases = {}
    for service, inner, host in ports:
        instances[service, inner] += 1
        leases[service, instances[service, inner], inner] = host
    stack = Stack(hub_id=settings.HUB_ID, slug=NOBODY, definition=definition, run_dir=home_of(NOBODY) / "run",
                  env=dict(definition.env), host_ports=leases)
    return engine.problems(stack) + [_unread(service) for service in definition.services
                                     if _is_unread(service, definition.path)]


def _is_unread(service: ServiceSpec, folder: Path) -> bool:
    """It has a port only because it is named `web`, and neither its command nor its script says that it reads it."""
    by_name = service.name == "web" and any(not port.named for port in service.ports)
    return by_name and not takes_port(service.name, service.command, folder)


def _unread(service: ServiceSpec) -> Problem:
    return Problem(
        "port-unread",
        f"{service.name} does not mention $PORT, so Hub cannot give it its port.",
        "Put $PORT into its command. Where the program itself reads PORT, say so with # hub: port=8000 in the line "
        "above; where it listens on no port, with # hub: no-port.",
        service=service.name,
    )
