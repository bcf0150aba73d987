"""What a stack has on its Docker host, and its removal."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import docker

from projects.engines.base import EngineError, Remain
from projects.engines.compose.containers import Container
from projects.engines.compose.images import built_images
from projects.engines.compose.naming import PROJECT, project_name
from projects.engines.compose.rundir import RunDir
from projects.engines.compose.volumes import volumes_of
from projects.engines.sizes import size_of
from projects.stacks.spec import Stack


def remains_of(client: docker.APIClient | None, stack: Stack, rundir: RunDir,
               containers: list[Container]) -> list[Remain]:
    """Containers, networks, volumes with their sizes, images that Hub built, the folder of logs and state."""
    found = [Remain("container", one.name, detail=one.service) for one in containers]
    if client is not None:
        found += [Remain("network", network["Name"]) for network in networks(client, stack)]
        sizes = _sizes(client) if volumes_of(client, stack) else {}
        for volume in volumes_of(client, stack):
            name = (volume.get("Labels") or {}).get("com.docker.compose.volume", "")
            found.append(Remain("volume", volume["Name"], sizes.get(volume["Name"]), is_data=True,
                                detail=f"Data of the volume {name}" if name else "Data"))
        for image in built_images(client, stack):
            names = image.get("RepoTags") or [image["Id"]]
            found.append(Remain("image", ", ".join(sorted(names)), image.get("Size"), detail="built by Hub"))
    if rundir.exists():
        found.append(Remain("folder", str(rundir.path), size_of(rundir.path), detail="logs and state of the stack"))
    return found


def remove(client: docker.APIClient | None, stack: Stack, rundir: RunDir, *, data: bool) -> None:
    """Remove all of it; volumes only with `data`. EngineError names what could not be removed."""
    if client is not None:
        for image in built_images(client, stack):
            for name in image.get("RepoTags") or [image["Id"]]:
                _remove(f"The image {name}", lambda name=name: client.remove_image(name, force=True))
        for volume in volumes_of(client, stack) if data else ():
            _remove(f"The volume {volume['Name']}", lambda name=volume["Name"]: client.remove_volume(name))
    if rundir.exists():
        try:
            shutil.rmtree(rundir.path)
        except OSError as error:
            raise EngineError(f"The folder {rundir.path} could not be removed: {error.strerror}.") from error


def _remove(what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except docker.errors.NotFound:  # somebody else was quicker
        return
    except docker.errors.APIError as error:
        raise EngineError(f"{what} could not be removed: {str(error.explanation or error).rstrip('.')}.") from None


def networks(client: docker.APIClient, stack: Stack) -> list[dict[str, Any]]:
    return client.networks(filters={"label": f"{PROJECT}={project_name(stack)}"})


def _sizes(client: docker.APIClient) -> dict[str, int]:
    """Bytes in each volume of the host."""
    return {
        volume["Name"]: volume["UsageData"]["Size"]
        for volume in client.df().get("Volumes") or ()
        if (volume.get("UsageData") or {}).get("Size", -1) >= 0
    }
