"""The volumes of a stack: what they are called, and a copy of what is in them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import docker

from projects.engines.base import EngineError, Step
from projects.engines.compose.naming import HUB_PROJECT, PROJECT, labels_for, project_name
from projects.stacks.spec import Stack

KEY = "com.docker.compose.volume"
PLACE = "/hub-volume"
BLOCK = 2 * 1024 * 1024


def volumes_of(client: docker.APIClient, stack: Stack) -> list[dict[str, Any]]:
    """The named volumes of the stack, by name."""
    found = client.volumes(filters={"label": f"{PROJECT}={project_name(stack)}"}).get("Volumes") or []
    return sorted(found, key=lambda volume: volume["Name"])


def copy_step(name: str) -> Step:
    return Step(f"volume:{name}", f"volume {name} is copied")


def copy(client: docker.APIClient, source: Stack, target: Stack) -> Iterator[Step]:
    """Copy every volume of a stack that is stopped into the same volume of another. What the other had in it goes.

    No program runs for it: containers that are never started lend their mounts, so any image will do.
    """
    found = volumes_of(client, source)
    yield from [copy_step(_key(volume)) for volume in found]
    for volume in found:
        step = copy_step(_key(volume))
        name = f"{project_name(target)}_{_key(volume)}"
        _make_anew(client, target, volume, name)
        image = _some_image(client, source)
        reader, writer = (lender(client, target, image, one) for one in (volume["Name"], name))
        try:
            stream, _ = client.get_archive(reader, f"{PLACE}/.", chunk_size=BLOCK)
            client.put_archive(writer, PLACE, stream)
        finally:
            for container in (reader, writer):
                client.remove_container(container, force=True)
        yield Step(step.key, step.label, 1, 1)


def _key(volume: dict[str, Any]) -> str:
    return (volume.get("Labels") or {}).get(KEY) or volume["Name"]


def _make_anew(client: docker.APIClient, target: Stack, volume: dict[str, Any], name: str) -> None:
    """An empty volume of that name, with the labels by which Compose takes it for the stack's own."""
    with contextlib.suppress(docker.errors.NotFound):
        client.remove_volume(name)
    labels = {**(volume.get("Labels") or {}), **labels_for(target), PROJECT: project_name(target)}
    client.create_volume(name, driver=volume.get("Driver", "local"), driver_opts=volume.get("Options") or {},
                         labels=labels)


def _some_image(client: docker.APIClient, stack: Stack) -> str:
    """An image that is on the host: one of the stack's own where there is one."""
    own = {str(service.get("image")) for service in (stack.definition.document.get("services") or {}).values()}
    found = client.images()
    for image in found:
        if own & set(image.get("RepoTags") or ()) or (image.get("Labels") or {}).get(HUB_PROJECT) == stack.slug:
            return image["Id"]
    if not found:
        raise EngineError("The volumes could not be copied: there is no image on the Docker host.",
                          "Start the stack once, so that its images are there.")
    return found[0]["Id"]


def lender(client: docker.APIClient, stack: Stack, image: str, volume: str) -> str:
    """A container that is only created, with the volume at `PLACE`."""
    config = client.create_host_config(binds=[f"{volume}:{PLACE}"], network_mode="none")
    return client.create_container(image, command=["none"], host_config=config, labels=labels_for(stack))["Id"]
