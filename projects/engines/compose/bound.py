"""What Compose is given to run: the stack's own content, bound to its name, its leased ports and its images.

The user's files are only read (see `projects.stacks.compose`); this content is written to the stack's own folder.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

from projects.engines.compose.naming import image_name, labels_for, port_variables, project_name
from projects.stacks.compose.resolved import named
from projects.stacks.compose.services import mapping_of
from projects.stacks.spec import ServiceSpec, Stack

LOCAL = "127.0.0.1"


def bind(stack: Stack, kept_labels: dict[str, dict[str, str]] | None = None) -> dict[str, Any]:
    """The content for this stack: every published port on its lease and on this machine only, Hub's labels, the
    variables by which services find each other, names that no other copy has.

    `kept_labels`: labels of networks and volumes that exist already, by name. They are kept as they are, because
    Compose would make a network or volume anew whose labels changed. What an adopted stack has already keeps its name,
    and is handed to Compose as external: so Compose can neither change nor replace it.
    """
    name = project_name(stack)
    content = named(copy.deepcopy(stack.definition.document), name)
    content["name"] = name
    specs = {service.name: service for service in stack.services}
    services: dict[str, dict[str, Any]] = content.get("services") or {}
    built = _built(stack, services)
    variables = port_variables(stack)
    for key, service in services.items():
        _bind_image(stack, key, service, built)
        service["labels"] = {**mapping_of(service.get("labels")), **labels_for(stack)}
        if isinstance(service.get("environment"), list):
            service["environment"] = mapping_of(service["environment"])
        service["environment"] = {**(service.get("environment") or {}), **variables}
        if service.get("ports"):
            service["ports"] = _ports(stack, specs[key], service) if key in specs else []
        if not stack.adopted:
            _free_name(service)
    for kind in ("networks", "volumes"):
        for key, entry in (content.get(kind) or {}).items():
            content[kind][key] = _own(stack, f"{name}_{key}", entry or {}, kept_labels or {})
    return content


def to_build(stack: Stack) -> list[str]:
    """The services whose images are built from the folder."""
    services: dict[str, dict[str, Any]] = stack.definition.document.get("services") or {}
    return [name for name, service in services.items() if service.get("build") and name not in stack.images]


def images_of(content: dict[str, Any]) -> dict[str, str]:
    """The image that each service of a bound content runs."""
    return {name: service["image"] for name, service in content["services"].items() if service.get("image")}


def is_row(ports: list[int]) -> bool:
    """Whether these ports are neighbours, lowest first: Compose can give a range to replicas, and nothing else."""
    return all(after == before + 1 for before, after in pairwise(ports))


def leases_of(stack: Stack, service: ServiceSpec, port: Any) -> list[int]:
    """The leased host ports of one port of a service, instance by instance, as far as there are any."""
    leased = (stack.host_port(service.name, number, port) for number in range(1, service.instances + 1))
    return [one for one in leased if one is not None]


def _built(stack: Stack, services: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The image that Hub builds in the place of each that the file names beside a build: no copy takes another's."""
    return {
        service["image"]: image_name(stack, name)
        for name, service in services.items()
        if service.get("build") and service.get("image") and name not in stack.images
    }


def _bind_image(stack: Stack, key: str, service: dict[str, Any], built: dict[str, str]) -> None:
    if key in stack.images:
        service["image"] = stack.images[key]
        service["pull_policy"] = "never"
        service.pop("build", None)
    elif service.get("build"):
        service["image"] = image_name(stack, key)
        service.pop("pull_policy", None)
        labels = {name: value for name, value in labels_for(stack).items() if name != "hub.revision"}
        service["build"]["labels"] = {**mapping_of(service["build"].get("labels")), **labels}
        service["build"].pop("tags", None)
    elif service.get("image") in built:
        service["image"] = built[service["image"]]
        service["pull_policy"] = "never"


def _ports(stack: Stack, spec: ServiceSpec, service: dict[str, Any]) -> list[dict[str, Any]]:
    bound = []
    for port in spec.ports:
        leased = leases_of(stack, spec, port)
        if leased:
            published = str(leased[0]) if len(leased) == 1 else f"{leased[0]}-{leased[-1]}"
            bound.append({"mode": "ingress", "target": port.container_port, "host_ip": LOCAL, "published": published,
                          "protocol": port.protocol})
    return bound


def _free_name(service: dict[str, Any]) -> None:
    """A fixed container name becomes a name in the stack's networks: neighbours still find it, and copies can be."""
    name = service.pop("container_name", None)
    networks = service.get("networks")
    if not name or not isinstance(networks, dict):
        return
    for key, entry in networks.items():
        aliases = (entry or {}).get("aliases") or []
        networks[key] = {**(entry or {}), "aliases": [*aliases, *([name] if name not in aliases else [])]}


def _own(stack: Stack, name: str, entry: dict[str, Any], kept: dict[str, dict[str, str]]) -> dict[str, Any]:
    """A network or volume of this stack alone; one that the file calls external is left as it is."""
    if entry.get("external"):
        return entry
    if stack.adopted:
        name = entry.get("name") or name
        if name in kept:
            return {"name": name, "external": True}
    labels = labels_for(stack)
    labels.update({key: value for key, value in kept.get(name, {}).items() if key in labels})
    return {**entry, "name": name, "labels": {**mapping_of(entry.get("labels")), **labels}}
