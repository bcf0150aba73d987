"""What would stop a Compose stack from starting, seen before anything is changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker

from projects.engines.base import EngineError, Problem
from projects.engines.compose.bound import bind, images_of, is_row, leases_of, to_build
from projects.engines.compose.containers import Container
from projects.engines.compose.host import Unreachable, is_local
from projects.engines.compose.images import is_there, missing, refused
from projects.engines.compose.naming import HUB_ID, image_name
from projects.engines.host_ports import holders
from projects.stacks.compose import cli
from projects.stacks.spec import Stack

OLDEST = (2, 20)
"""Of Compose: the first that has all Hub asks for."""

INSTALL = ("Install Docker's Compose plugin, version 2.20 or newer (packages docker-compose-plugin, docker-compose-v2, "
           "or docker-compose of Debian 13).")
LEAST_BYTES = 500_000_000
"""Free space without which no start is tried: images and containers need some."""


def command_problems() -> list[Problem]:
    """Whether `docker compose` is there, and new enough."""
    docker = cli.program()
    if docker is None:
        return [Problem("docker-missing", "The docker command is not installed where Hub runs.",
                        "Install Docker (Debian, Ubuntu: apt-get install docker.io) and its Compose plugin.")]
    version = cli.version(docker)
    if version is None:
        old = shutil.which("docker-compose")
        found = "Only the old docker-compose (version 1) is here" if old else "docker compose is not here"
        return [Problem("compose-missing", f"{found}, and Hub needs Compose version 2.", INSTALL)]
    if version < OLDEST:
        return [Problem("compose-old", f"Docker Compose is {'.'.join(map(str, version))}, which is too old.", INSTALL)]
    return []


def host_problem(error: EngineError) -> Problem:
    why = error.why if isinstance(error, Unreachable) else "refused"
    return Problem(f"docker-{why}", error.message, error.detail)


def folder_problems(stack: Stack) -> list[Problem]:
    if not stack.path.is_dir():
        return [Problem("folder", f"The folder {stack.path} does not exist.",
                        "Put it back, or change the project's folder.")]
    if not os.access(stack.path, os.R_OK | os.X_OK):
        return [Problem("folder", f"The folder {stack.path} cannot be read by the user Hub runs as.",
                        "Change its rights.")]
    return []


def definition_problems(stack: Stack) -> Iterator[Problem]:
    """What the definition asks for, and this machine does not have."""
    source = stack.definition.source.name
    if not stack.definition.document:
        yield Problem("unresolved", f"{source} was read without Docker Compose, so it cannot be run.",
                      "Start the project again: Hub then reads it with Docker Compose.")
        return
    services: dict[str, dict[str, Any]] = stack.definition.document.get("services") or {}
    for name, service in services.items():
        if is_local(stack):
            yield from _mount_problems(stack, name, service)
        if name in to_build(stack):
            yield from _build_problems(stack, name, service["build"])
    for name in stack.definition.unset:
        yield Problem("variable", f"{source} uses ${{{name}}}, which nothing sets: it is empty.",
                      f"Set {name} in the project's environment or in the .env, or write ${{{name}:-}}.",
                      blocking=False)


def _mount_problems(stack: Stack, name: str, service: dict[str, Any]) -> Iterator[Problem]:
    for mount in service.get("volumes") or ():
        if mount.get("type") != "bind":
            continue
        source = Path(mount["source"])
        readable = _is_readable(source)
        if readable:
            continue
        if readable is not None:
            # Docker mounts it all the same: a database that keeps its folder to its own user is as it should be.
            yield Problem("mount", f"{name} mounts {source}, which the user that runs Hub cannot read"
                                   f"{_line(stack, name)}.",
                          "Where the service runs as that user it cannot either: change its rights then.",
                          service=name, blocking=False)
        elif not (mount.get("bind") or {}).get("create_host_path", False):
            yield Problem("mount", f"{name} mounts {source}, which does not exist{_line(stack, name)}.",
                          "Create it, or correct the path.", service=name)


def _build_problems(stack: Stack, name: str, build: dict[str, Any]) -> Iterator[Problem]:
    context = str(build.get("context", "."))
    if "://" in context or context.startswith("git@"):
        return
    if not Path(context).is_dir():
        yield Problem("build-context", f"{name} is built from {context}, which is no folder{_line(stack, name)}.",
                      "Create it, or correct build: in the file.", service=name)
        return
    if build.get("dockerfile_inline"):
        return
    dockerfile = Path(context) / build.get("dockerfile", "Dockerfile")
    if not dockerfile.is_file():
        yield Problem("dockerfile", f"{name} is built by {dockerfile}, which does not exist{_line(stack, name)}.",
                      "Add it, or name another one by dockerfile: in the file.", service=name)


def image_problems(client: docker.APIClient, stack: Stack) -> Iterator[Problem]:
    """Images that are not on the host and cannot be had."""
    content = bind(stack)
    for service, image in images_of(content).items():
        section = content["services"][service]
        if service in stack.images:
            if not is_there(client, image):
                yield _gone(service, image)
        elif section.get("pull_policy") == "never" and service not in to_build(stack) and not section.get("build") \
                and image not in {image_name(stack, name) for name in to_build(stack)} and not is_there(client, image):
            yield Problem("image", f"The image {image} of {service} is not on the Docker host{_line(stack, service)}.",
                          "Build or load it there, or let Docker pull it: pull_policy: missing.", service=service)
    wanted = missing(client, stack, content)
    for image, said in refused(client, wanted).items():
        service = wanted[image][0]
        if is_there(client, image):  # it is asked for anew at every start, and what is there will do
            continue
        yield Problem(
            "image", f"The image {image} of {service} is not here and cannot be pulled: {said.rstrip('.')}"
                     f"{_line(stack, service)}.",
            "Check its name and tag, log in to its registry (docker login), or build or load it on this host.",
            service=service,
        )


def _gone(service: str, image: str) -> Problem:
    return Problem(
        "image", f"The image that {service} ran in this revision is not on the Docker host any more ({image[:19]}).",
        "Somebody removed it, and the same cannot be made again. Go back to another revision, or start what the folder "
        "says.", service=service,
    )


def lease_problems(stack: Stack) -> Iterator[Problem]:
    for service in stack.services:
        for port in service.ports:
            leased = leases_of(stack, service, port)
            if len(leased) < service.instances:
                yield Problem("lease", f"{service.name}: its port {port.container_port} has no leased host port.",
                              "Save the project again, so that Hub leases one.", service=service.name)
            elif not is_row(leased):
                yield Problem(
                    "port-row", f"{service.name} has {service.instances} replicas, but the ports leased for its port "
                    f"{port.container_port} ({', '.join(map(str, leased))}) are not neighbours.",
                    "Lease others for it: Compose can publish replicas on a range of ports only.",
                    service=service.name,
                )


def port_problems(stack: Stack, own: list[Container]) -> Iterator[Problem]:
    """Leased ports that something other than the stack's own containers holds."""
    published = {port for one in own if one.state in ("running", "paused") for port in one.ports.values()}
    wanted = protocols(stack)
    by_port = {**{port: key[0] for key, port in stack.host_ports.items()},
               **{port: key[0] for key, port in stack.udp_ports.items()}}
    for port, holder in holders({port: kind for port, kind in wanted.items() if port not in published}).items():
        yield Problem("port", f"Port {port} of {by_port[port]} is held by {holder}.",
                      "Stop that process, or lease another port.", service=by_port[port], port=port,
                      holder=str(holder))


def protocols(stack: Stack) -> dict[int, str]:
    """Every leased host port of the stack with its protocol."""
    return {
        leased: port.protocol
        for service in stack.services for port in service.ports for leased in leases_of(stack, service, port)
    }


def owner_problems(stack: Stack, own: list[Container]) -> Iterator[Problem]:
    """Containers of the same name that are not this Hub's."""
    strangers = [one for one in own if one.labels.get(HUB_ID) not in (None, stack.hub_id)]
    if strangers:
        yield Problem("name", f"Another Hub ({strangers[0].labels[HUB_ID]}) runs containers named like this project: "
                              f"{strangers[0].name}.", "Rename the project, or stop it in the other Hub.")


def disk_problems(root: str) -> Iterator[Problem]:
    """Whether the disk that Docker writes to, on this machine, has some room."""
    try:
        free = shutil.disk_usage(root).free
    except OSError:  # another user's, or not on this machine
        return
    if free < LEAST_BYTES:
        yield Problem("disk", f"Only {free // 10**6} MB are free where Docker keeps its data ({root}).",
                      "Make room: docker system prune removes what nothing uses.")


def _is_readable(path: Path) -> bool | None:
    """Whether the user that runs Hub may read it, and list it where it is a folder; None when it is not there."""
    try:
        path.stat()
    except PermissionError:  # what it lies in may not be entered
        return False
    except OSError:
        return None
    return os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def _line(stack: Stack, name: str) -> str:
    line = next((service.line for service in stack.services if service.name == name), None)
    return f" ({stack.definition.source.name}, line {line})" if line else ""
