"""The variables that a service is started with: the host's basics, the stack's own, its ports; nothing of Hub's."""

from __future__ import annotations

import os
import pwd
import re
import sys

from projects.engines.process.family import SERVICE_VARIABLE, STACK_VARIABLE
from projects.stacks.spec import Port, ServiceSpec, Stack

FROM_HOST = ("HOME", "USER", "LOGNAME", "LANG", "TZ", "SHELL", "TMPDIR")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def marker(stack: Stack) -> str:
    """The value of `HUB_STACK`, by which every process of the stack is found again."""
    return f"{stack.hub_id}/{stack.slug}"


def host_variables() -> dict[str, str]:
    """What a service gets of the environment Hub runs in. Without the folder of Hub's own virtual environment in
    PATH: a project must not find Hub's Python packages by accident."""
    variables = {"HOME": "/", "SHELL": "/bin/sh"}
    try:
        account = pwd.getpwuid(os.getuid())
        variables.update(HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)
    except KeyError:  # a uid without an account, as in some containers: the environment has to say
        variables["HOME"] = os.environ.get("HOME", "/")
    for name, value in os.environ.items():
        if name in FROM_HOST or name.startswith("LC_"):
            variables[name] = value
    own = {os.path.join(sys.prefix, "bin")} if sys.prefix != sys.base_prefix else set()
    if os.environ.get("VIRTUAL_ENV"):
        own.add(os.path.join(os.environ["VIRTUAL_ENV"], "bin"))
    folders = os.environ.get("PATH", DEFAULT_PATH).split(":")
    kept = [folder for folder in folders if folder and folder.rstrip("/") not in own]
    variables["PATH"] = ":".join(kept) or DEFAULT_PATH
    return variables


def first_port(stack: Stack, service: ServiceSpec, number: int = 1) -> int | None:
    """The leased host port of the service's first port, for its instance of that number."""
    if not service.ports:
        return None
    return stack.host_ports.get((service.name, number, service.ports[0].container_port))


def port_names(service: ServiceSpec, number: int, port: Port) -> tuple[str, str]:
    """The variables by which others find an instance of a service: its first port, and this one."""
    name = f"HUB_PORT_{_upper(service)}"
    own = name if number == 1 else f"{name}__{number}"
    return own, f"{own}_{port.container_port}"


def port_variables(stack: Stack) -> dict[str, str]:
    """How the services of a stack find each other; the names are those of `variables_for`."""
    variables = {}
    for service in stack.services:
        for number in range(1, service.instances + 1):
            first = first_port(stack, service, number)
            if first is None:
                continue
            for port in service.ports:
                own, named = port_names(service, number, port)
                variables[own] = str(first)
                leased = stack.host_ports.get((service.name, number, port.container_port))
                if leased is not None:
                    variables[named] = str(leased)
            if number == 1:
                variables[f"{_upper(service)}_PORT"] = str(first)
    return variables


def variables_for(stack: Stack, service: ServiceSpec, number: int, host: dict[str, str]) -> dict[str, str]:
    """Everything one process of a service is started with, later ones over earlier ones:

    `host` (see `host_variables`) and `PYTHONUNBUFFERED=1`; the stack's own variables; for every service with ports
    `<SERVICE>_PORT`, `HUB_PORT_<SERVICE>` and `HUB_PORT_<SERVICE>_<CONTAINERPORT>`, for its instance n > 1
    `HUB_PORT_<SERVICE>__<n>` and so on; `PORT` and its own `<SERVICE>_PORT`, its own first port; `PS`, its name as
    foreman says it; and the marker. A service without a port gets no `PORT`: the one in a `.env` only numbers ports.
    """
    name = service.instance_names()[number - 1]
    variables = {**host, "PYTHONUNBUFFERED": "1", **stack.env, **port_variables(stack)}
    own = first_port(stack, service, number)
    if own is None:
        variables.pop("PORT", None)
    else:
        variables["PORT"] = variables[f"{_upper(service)}_PORT"] = str(own)
    variables.update({"PS": name, STACK_VARIABLE: marker(stack), SERVICE_VARIABLE: name})
    return variables


def _upper(service: ServiceSpec) -> str:
    return re.sub(r"[^A-Z0-9]", "_", service.name.upper())
