"""What would stop a stack from starting, seen before anything is changed."""

from __future__ import annotations

import os
import shutil
import signal

from projects.engines.base import Problem
from projects.engines.host_ports import Holder, holders
from projects.engines.process.command import program_of
from projects.engines.process.environment import host_variables
from projects.engines.process.wish import in_order
from projects.stacks.spec import ServiceSpec, Stack

# Below this much room on the disk the logs of a stack would not fit: nothing is started.
LEAST_FREE = 50 * 2**20


def problems_of(stack: Stack, own_pids: set[int]) -> list[Problem]:
    """The problems of a stack; `own_pids` are its own processes, which may hold its ports."""
    found = platform_problems() + folder_problems(stack)
    if not found:
        found = disk_problems(stack) + definition_problems(stack) + port_problems(stack, own_pids)
    return found


def platform_problems() -> list[Problem]:
    if os.path.exists("/proc/self/stat"):
        return []
    return [Problem("platform", "The process engine needs Linux with /proc.", "Use the compose engine here.")]


def folder_problems(stack: Stack) -> list[Problem]:
    path = stack.path
    if not path.is_dir():
        return [Problem("folder", f"The folder {path} does not exist.", "Put it back, or change the project's folder.")]
    if not os.access(path, os.R_OK | os.X_OK):
        return [Problem("folder", f"The folder {path} cannot be read by the user Hub runs as.", "Change its rights.")]
    return []


def disk_problems(stack: Stack) -> list[Problem]:
    """Too little room for logs and state, where they are kept."""
    place = next((path for path in (stack.run_dir, *stack.run_dir.parents) if path.is_dir()), stack.path)
    free = shutil.disk_usage(place).free
    if free >= LEAST_FREE:
        return []
    needed = LEAST_FREE // 2**20
    return [Problem(
        "disk", f"Only {free // 2**20} MiB are free on the disk that {place} is on; a start needs {needed}.",
        "Make room there, such as by deleting logs or images that nobody needs.",
    )]


def definition_problems(stack: Stack) -> list[Problem]:
    found = []
    try:
        in_order(stack.services)
    except ValueError as error:
        found.append(Problem("dependencies", f"{stack.definition.source.name}: {error}.", "Change `depends_on`."))
    search_path = stack.env.get("PATH") or host_variables()["PATH"]
    for service in stack.services:
        where = place(stack, service)
        word = missing_command(service.command, str(stack.path), search_path)
        if word:
            found.append(Problem(
                "command", f"{service.name}: the command {word} was not found{where}.",
                "Install it, or write its full path.", service=service.name,
            ))
        if service.stop_signal not in signal.Signals.__members__:
            found.append(Problem(
                "stop-signal", f"{service.name}: there is no signal {service.stop_signal}{where}.",
                "Use a name such as SIGTERM or SIGINT.", service=service.name,
            ))
        found.extend(
            Problem(
                "lease", f"{service.name}: its port {port.container_port} has no leased host port.",
                "Save the project again, so that Hub leases one.", service=service.name,
            )
            for port in service.ports
            for number in range(1, service.instances + 1)
            if (service.name, number, port.container_port) not in stack.host_ports
        )
    return found


def place(stack: Stack, service: ServiceSpec) -> str:
    return f" ({stack.definition.source.name}, line {service.line})" if service.line else ""


def missing_command(command: str, folder: str, search_path: str) -> str:
    """The first word of a simple command when nothing of that name can be run; else empty."""
    word = program_of(command)
    if "/" in word:
        return "" if os.access(os.path.join(folder, word), os.X_OK) else word
    return "" if not word or shutil.which(word, path=search_path) else word


def protocols(stack: Stack) -> dict[int, str]:
    """Every leased host port of the stack with its protocol."""
    found = {}
    for service in stack.services:
        for port in service.ports:
            for number in range(1, service.instances + 1):
                leased = stack.host_ports.get((service.name, number, port.container_port))
                if leased is not None:
                    found[leased] = port.protocol
    return found


def foreign_holders(stack: Stack, own_pids: set[int]) -> dict[int, Holder]:
    """The leased ports that something other than the stack itself holds."""
    return {port: holder for port, holder in holders(protocols(stack)).items() if holder.pid not in own_pids}


def port_problems(stack: Stack, own_pids: set[int]) -> list[Problem]:
    by_port = {leased: service for (service, _, _), leased in stack.host_ports.items()}
    return [
        Problem(
            "port", f"Port {port} of {by_port[port]} is held by {holder}.",
            "Stop that process, or lease another port.", service=by_port[port], port=port, holder=str(holder),
        )
        for port, holder in foreign_holders(stack, own_pids).items()
    ]
