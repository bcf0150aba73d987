"""The preview of a delete lists everything that the stack has on its host, and that is what is removed."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("docker")

STACK = """
services:
  web:
    build: .
    init: true
    volumes: ["data:/data", "cache:/cache"]
    networks: [one, two]
    command: ["sh", "-c", "head -c 300000 /dev/zero > /data/file; exec sleep 1000"]
networks: {one: {}, two: {}}
volumes: {data: {}, cache: {}}
"""


def test_data_is_copied_to_another_stack_and_the_first_keeps_its_own(kit):
    stack = kit.stack_of("services:\n  db: {image: 'hub-test/busybox:1', init: true, command: [sleep, '1000'], "
                         "volumes: ['data:/data']}\nvolumes: {data: {}}\n")
    kit.up(stack)
    kit.run_in(stack, "db", "mkdir /data/deep && echo ledger > /data/deep/book && chown 33:44 /data/deep/book && "
                            "ln -s deep/book /data/link")
    kit.down(stack)
    copy = kit.read(stack.path)
    steps = list(kit.engine.copy_data(stack, copy))
    assert [(step.key, step.done) for step in steps] == [("volume:data", 0), ("volume:data", 1)]
    kit.up(copy)
    assert kit.run_in(copy, "db", "cat /data/link && stat -c %u:%g /data/deep/book") == "ledger\n33:44"
    kit.run_in(copy, "db", "echo other > /data/deep/book")
    kit.up(stack)
    assert kit.run_in(stack, "db", "cat /data/deep/book") == "ledger"
    kit.down(copy)
    list(kit.engine.copy_data(stack, copy))
    kit.up(copy)
    assert kit.run_in(copy, "db", "cat /data/deep/book") == "ledger"


def everything(kit, stack) -> set[tuple[str, str]]:
    """What the host has of the stack, asked by its labels and without the engine."""
    label = {"label": f"hub.project={stack.slug}"}
    images = kit.client.images.list(filters=label)
    return {
        *(("container", one.name) for one in kit.client.containers.list(all=True, filters=label)),
        *(("network", one.name) for one in kit.client.networks.list(filters=label)),
        *(("volume", one.name) for one in kit.client.volumes.list(filters=label)),
        *(("image", tag) for image in images for tag in image.tags),
    }


def test_the_preview_is_what_there_is_and_what_goes(kit):
    stack = kit.stack_of(STACK, files={"Dockerfile": "FROM hub-test/busybox:1\nRUN echo made > /made\n"})
    kit.up(stack)
    preview = kit.engine.remains(stack)
    listed = {(one.kind, one.name) for one in preview}
    assert listed - {("folder", str(stack.run_dir))} == everything(kit, stack)
    assert {kind for kind, _ in listed} == {"container", "network", "volume", "image", "folder"}
    assert {one.name for one in preview if one.is_data} == {f"hub-{stack.slug}_{name}" for name in ("data", "cache")}
    (data,) = [one for one in preview if one.name.endswith("_data")]
    assert data.size >= 300_000

    kit.down(stack)
    before = {(one.kind, one.name) for one in kit.engine.remains(stack)}
    kit.engine.remove(stack)
    kept = {(one.kind, one.name) for one in preview if one.is_data}
    assert everything(kit, stack) == kept == {(one.kind, one.name) for one in kit.engine.remains(stack)}
    kit.engine.remove(stack, data=True)
    assert everything(kit, stack) == set() and kit.engine.remains(stack) == []
    assert before > kept and stack.path.is_dir()
