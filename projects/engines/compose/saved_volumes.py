"""The volumes of a stack as files, and back: what a backup keeps of them."""

from __future__ import annotations

import io
import os
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from projects.engines.base import EngineError, SavedVolume
from projects.engines.compose.asking import Asker
from projects.engines.compose.naming import PROJECT, labels_for, project_name
from projects.engines.compose.volumes import BLOCK, KEY, PLACE, lender, volumes_of
from projects.stacks.spec import Stack


class VolumeSaver(Asker):
    """The part of an engine that saves volumes and puts them back. No program runs for it: an image without files lends
    a container that is never started, so it works on a host that has no image at all."""

    def save_volumes(self, stack: Stack, folder: Path) -> list[SavedVolume]:
        with self.asking(stack) as client:
            found = volumes_of(client, stack)
            saved = []
            for volume in found:
                key = (volume.get("Labels") or {}).get(KEY) or volume["Name"]
                facts = {"driver": volume.get("Driver", "local"), "options": volume.get("Options") or {},
                         "labels": volume.get("Labels") or {}}
                with _lent(client, stack, volume["Name"]) as container:
                    stream, _ = client.get_archive(container, f"{PLACE}/.", chunk_size=BLOCK)
                    path = folder / f"{len(saved)}.volume"
                    with open(path, "wb", opener=_private) as file:
                        for block in stream:
                            file.write(block)
                saved.append(SavedVolume(key, path, facts))
            return saved

    def restore_volumes(self, stack: Stack, saved: list[SavedVolume]) -> None:
        with self.asking(stack) as client:
            there = {volume["Name"] for volume in volumes_of(client, stack)}
            names = {f"{project_name(stack)}_{one.name}": one for one in saved}
            if taken := sorted(there & set(names)):
                raise EngineError(f"The volume {taken[0]} is there already.",
                                  "A restore writes over nothing: remove it first, or keep it.")
            for name, one in names.items():
                labels = {**one.facts["labels"], **labels_for(stack), PROJECT: project_name(stack)}
                client.create_volume(name, driver=one.facts["driver"], driver_opts=one.facts["options"], labels=labels)
                try:
                    with _lent(client, stack, name) as container, one.path.open("rb") as file:
                        client.put_archive(container, PLACE, iter(lambda: file.read(BLOCK), b""))
                except BaseException:
                    client.remove_volume(name)  # half of it would be taken for all of it
                    raise


@contextmanager
def _lent(client: docker.APIClient, stack: Stack, volume: str) -> Iterator[str]:
    """A container with the volume at PLACE, of an image of its own: both are gone afterwards."""
    tag = f"hub-nothing:{uuid.uuid4().hex[:12]}"
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    client.import_image_from_data(empty.getvalue(), *tag.split(":"))
    try:
        container = lender(client, stack, tag, volume)
        try:
            yield container
        finally:
            client.remove_container(container, force=True)
    finally:
        client.remove_image(tag, force=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
