"""A Compose stack whose images Dagger builds, on a real Docker Engine."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from projects.engines.base import EngineError
from projects.engines.dagger.access import CLI_VARIABLE
from projects.engines.dagger.engine import DaggerEngine
from projects.stacks import detect
from projects.stacks.spec import StackError

pytestmark = pytest.mark.xdist_group("docker")

DOCKERFILE = "FROM scratch\nADD root.tar /\n"
SHARED = """
services:
  web:
    image: shop/app
    build: {context: app, args: {COLOUR: blue}, secrets: [token]}
    command: [sh, -c, "while true; do sleep 1; done"]
    init: true
  jobs:
    image: shop/app
    command: [sh, -c, "while true; do sleep 1; done"]
    init: true
secrets:
  token: {environment: TOKEN}
"""


@pytest.fixture
def shop(kit, tmp_path):
    """A stack of two services that run one image, which is built with an argument and a secret."""
    folder = tmp_path / "shop"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "root.tar").write_bytes(kit.root)
    (folder / "app" / "noise.log").write_text("noise")
    (folder / "app" / ".dockerignore").write_text("*.log\n")
    (folder / "app" / "Dockerfile").write_text(
        DOCKERFILE + "ARG COLOUR\nCOPY . /app\n"
        "RUN --mount=type=secret,id=token echo $COLOUR $(wc -c < /run/secrets/token) > /made\n"
    )
    return kit.stack_of(SHARED, path=folder, env={"TOKEN": "opensesame"})


def test_services_run_what_dagger_built(kit, shop):
    kit.up(shop)
    assert kit.run_in(shop, "web", "cat /made") == "blue 10"
    assert kit.run_in(shop, "jobs", "cat /made") == "blue 10"
    assert kit.run_in(shop, "web", "ls /app") == "Dockerfile\nroot.tar"
    image = kit.client.images.get(f"hub-{shop.slug}-web:r1")
    assert image.labels["hub.project"] == shop.slug
    assert {one.image.id for one in kit.containers(shop)} == {image.id}
    assert "opensesame" not in (shop.run_dir / "build.log").read_text()
    assert "opensesame" not in str(image.history())


def test_what_is_built_already_is_not_built_again(kit, shop):
    kit.up(shop)
    kit.down(shop)
    assert [step.key for step in kit.up(shop) if step.key.startswith(("build:", "dagger"))] == []
    kit.down(shop)
    later = replace(shop, revision=2)
    assert [step.key for step in kit.up(later) if step.key.startswith("export:") and step.done] == ["export:web"]


def test_images_are_among_the_remains_and_go_with_them(kit, shop):
    kit.up(shop)
    kit.down(shop)
    name = f"hub-{shop.slug}-web:r1"
    assert [one.name for one in kit.engine.remains(shop) if one.kind == "image"] == [name]
    kit.engine.remove(shop)
    assert kit.engine.remains(shop) == []
    assert name not in [tag for image in kit.client.images.list() for tag in image.tags]


def test_images_can_be_built_without_a_start(kit, shop):
    steps = list(kit.engine.build(shop))
    planned = ["check", "dagger", "read:web", "build:web", "export:web"]
    assert [step.key for step in steps[:5]] == planned
    last = {step.key: step for step in steps}
    assert sorted(last) == sorted(planned)
    assert all(step.done == step.total for step in last.values())
    assert kit.client.images.get(f"hub-{shop.slug}-web:latest")
    assert kit.alive(shop) == []


def test_a_build_that_fails_starts_nothing_and_names_the_line(kit, shop):
    (shop.path / "app" / "Dockerfile").write_text(DOCKERFILE + "RUN echo no such file >&2; exit 4\n")
    with pytest.raises(EngineError) as raised:
        kit.up(shop)
    assert raised.value.message == (
        "web: its build failed (Dockerfile, line 3): echo no such file >&2; exit 4 exited with code 4."
    )
    assert raised.value.detail == "no such file"
    assert (raised.value.service, raised.value.line) == ("web", 3)
    assert kit.left(shop) == []


def test_a_machine_without_dagger_says_so_before_anything_starts(kit, shop):
    engine = DaggerEngine({name: value for name, value in os.environ.items() if name != CLI_VARIABLE} |
                          {"PATH": "/usr/bin:/bin"})
    began = time.monotonic()
    problems = engine.problems(shop)
    assert time.monotonic() - began < 2
    assert [problem.message for problem in problems] == [
        "No Dagger engine can be had: there is no dagger command on this machine."
    ]
    with pytest.raises(EngineError, match="No Dagger engine can be had"):
        list(engine.up(shop))
    with pytest.raises(EngineError, match="No Dagger engine can be had"):
        list(engine.build(shop))
    assert kit.left(shop) == []


def test_a_file_that_builds_nothing_is_not_offered_to_dagger(kit, shop, tmp_path):
    assert [one.engine for one in detect.detect(shop.path)] == ["compose", "dagger"]
    assert detect.read(shop.path).engine == "compose"
    assert detect.read(shop.path, "dagger").engine == "dagger"
    (tmp_path / "compose.yaml").write_text("services:\n  db: {image: postgres}\n")
    assert [one.engine for one in detect.detect(tmp_path)] == ["compose"]
    with pytest.raises(StackError, match="has no service with a build section"):
        detect.read(tmp_path, "dagger")
