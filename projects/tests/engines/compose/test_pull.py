"""Images are pulled from a registry: their bytes are counted, what was said is kept, and what fails is named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from projects.engines.base import EngineError
from projects.tests.registry import Registry

pytestmark = pytest.mark.xdist_group("docker")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


def text_of(image: str) -> str:
    return f"services:\n  web:\n    image: {image}\n    init: true\n    command: [sleep, '1000']\n"


@pytest.fixture
def forget(kit) -> Iterator[list[str]]:
    """Images that are removed after the test."""
    images: list[str] = []
    yield images
    for stack in kit.stacks:
        kit.down(stack)
    for image in images:
        kit.client.images.remove(image, force=True)


def test_bytes_are_counted_while_they_come(kit, registry, forget):
    image = registry.image("team/shop:1", weight=6_000_000)
    forget.append(image)
    stack = kit.stack_of(text_of(image))
    assert kit.engine.problems(stack) == []
    registry.gate.clear()
    counts, lines, details, key = [], [], set(), f"pull:{image}"
    for step in kit.engine.up(stack):
        if step.key != key:
            continue
        counts.append((step.done, step.total))
        lines += step.lines
        details.add(step.detail)
        # The registry holds back the second half of each layer until bytes of a first one were counted.
        if step.done > 0:
            registry.gate.set()
    assert registry.gate.is_set(), counts
    assert any(" of " in one and one.endswith(" MB") for one in details)
    size = sum(registry.layers_of("team/shop:1").values())
    assert max(total for _, total in counts) == counts[-1][0] == size, "the bytes of both layers"
    done = [one for one, _ in counts]
    assert done == sorted(done) and any(0 < one < size for one in done)
    assert any(line.endswith("Pull complete") for line in lines) and any("Digest: sha256:" in line for line in lines)
    assert kit.state(stack, "web").state == "running"
    # What is there is not pulled again.
    kit.down(stack)
    asked = len(registry.asked)
    assert key not in {step.key for step in kit.up(stack)} and len(registry.asked) == asked


def test_what_the_registry_does_not_have_is_named_before_anything_starts(kit, registry):
    registry.image("team/shop:1")
    stack = kit.stack_of(text_of(f"{registry.address}/team/shop:7"))
    (problem,) = kit.engine.problems(stack)
    assert problem.code == "image" and problem.service == "web" and "line 2" in problem.message
    assert f"{registry.address}/team/shop:7 of web is not here and cannot be pulled" in problem.message
    assert "Check its name and tag" in problem.hint


def test_a_pull_that_fails_in_the_middle_names_image_service_and_line(kit, registry):
    image = registry.image("team/shop:2")
    registry.broken.add(max(registry.layers_of("team/shop:2"), key=registry.layers_of("team/shop:2").get))
    stack = kit.stack_of(text_of(image))
    with pytest.raises(EngineError) as raised:
        kit.up(stack)
    error = raised.value
    assert error.message.startswith(f"The image {image} of web is not here and could not be pulled: ")
    assert (error.service, error.line) == ("web", 2) and "docker login" in error.detail
    kit.down(stack)
    assert kit.left(stack) == []


def test_a_start_is_left_in_the_middle_of_a_pull(kit, registry):
    image = registry.image("team/shop:3")
    stack = kit.stack_of(text_of(image))
    registry.gate.clear()
    steps = kit.engine.up(stack)
    for step in steps:
        if step.key == f"pull:{image}" and step.done > 0:
            break
    steps.close()
    kit.down(stack)
    assert kit.left(stack) == []
