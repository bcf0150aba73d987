"""Images that a start needs: pulled with their bytes counted, built with their steps counted."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import docker
from docker.utils import parse_repository_tag

from projects.engines.base import EngineError, Step
from projects.engines.compose import commands
from projects.engines.compose.bound import images_of, to_build
from projects.engines.compose.host import AWAY
from projects.engines.compose.naming import image_repository
from projects.engines.compose.running import Running
from projects.stacks.spec import Stack

TICK = 0.3
REGISTRY_SECONDS = 4.0
RULE = "------"
SHOWN_LINES = 30

_STAGE = re.compile(r"#(\d+) \[([^\]]*?)\s*(\d+)/(\d+)\] (.*)")
_DONE = re.compile(r"#(\d+) (?:DONE|CACHED)")
_CLASSIC = re.compile(r"Step (\d+)/(\d+) : (.*)")
_FAILED = re.compile(r"> \[([^\]]*)\] (.*?):?\s*$")
_WHERE = re.compile(r"^(\S*[Dd]ockerfile\S*):(\d+)$")
_EXIT = re.compile(r"exit code: (\d+)|returned a non-zero code: (\d+)")


def missing(client: docker.APIClient, stack: Stack, content: dict[str, Any]) -> dict[str, list[str]]:
    """Images that must be pulled, each with the services that run it: those that are not there, and those that the
    file wants anew at every start."""
    own = set(to_build(stack))
    found: dict[str, list[str]] = {}
    for service, image in images_of(content).items():
        policy = content["services"][service].get("pull_policy", "missing")
        if service in own or policy == "never":
            continue
        if policy == "always" or not is_there(client, image):
            found.setdefault(image, []).append(service)
    return found


def is_there(client: docker.APIClient, image: str) -> bool:
    try:
        client.inspect_image(image)
    except docker.errors.ImageNotFound:
        return False
    return True


def refused(client: docker.APIClient, wanted: Mapping[str, list[str]]) -> dict[str, str]:
    """Of these images those that their registry does not give, each with what was said. A registry that takes longer
    than some seconds to answer is given the benefit of the doubt: the pull itself will tell."""
    told: dict[str, str] = {}

    def ask(image: str) -> None:
        try:
            client.inspect_distribution(image)
        except docker.errors.APIError as error:
            told[image] = str(error.explanation or error)
        except (docker.errors.DockerException, *AWAY):
            # Docker itself did not answer in time, which says nothing of the image.
            return

    threads = [threading.Thread(target=ask, args=(image,), daemon=True) for image in wanted]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + REGISTRY_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(told)


def pull_step(image: str) -> Step:
    return Step(f"pull:{image}", f"image {image} is there")


def build_step(service: str) -> Step:
    return Step(f"build:{service}", f"image of {service} is built")


def pull(client: docker.APIClient, stack: Stack, wanted: Mapping[str, list[str]]) -> Iterator[Step]:
    """Pull all images at once; a step of each counts its bytes. EngineError for the first that cannot be had."""
    told: queue.Queue[tuple[str, _Pulled, str]] = queue.Queue()
    stopped = threading.Event()

    def work(image: str) -> None:
        try:
            for pulled in _pulled(client, image):
                if stopped.is_set():
                    return
                told.put((image, pulled, ""))
            told.put((image, _Pulled(), "done"))
        except (docker.errors.DockerException, *AWAY) as error:
            told.put((image, _Pulled(), str(getattr(error, "explanation", "") or error) or "it failed"))

    for image in wanted:
        threading.Thread(target=work, args=(image,), daemon=True).start()
    waiting, totals = set(wanted), {}
    try:
        while waiting:
            try:
                image, pulled, end = told.get(timeout=1.0)
            except queue.Empty:
                # Said again, so that whoever listens can stop listening.
                yield pull_step(next(iter(waiting)))
                continue
            step = pull_step(image)
            if end == "done":
                waiting.discard(image)
                total = totals.get(image, 1)
                yield Step(step.key, step.label, total, total)
            elif end:
                raise _not_pulled(stack, image, wanted[image][0], end)
            else:
                totals[image] = max(pulled.total, totals.get(image, 1))
                yield Step(step.key, step.label, min(pulled.done, totals[image] - 1), totals[image], pulled.remark,
                           pulled.lines)
    finally:
        stopped.set()


class _Pulled(NamedTuple):
    """Bytes done, bytes in all as far as they are known, a remark, and what the registry and Docker said."""

    done: int = 0
    total: int = 1
    remark: str = ""
    lines: tuple[str, ...] = ()


def _pulled(client: docker.APIClient, image: str) -> Iterator[_Pulled]:
    """How a pull goes; DockerException when the registry refuses."""
    repository, tag = parse_repository_tag(image)
    layers: dict[str, tuple[int, int]] = {}
    for line in client.pull(repository, tag=tag or "latest", stream=True, decode=True):
        if "error" in line:
            raise docker.errors.DockerException(line["error"])
        detail, layer = line.get("progressDetail") or {}, line.get("id", "")
        if line.get("status") == "Downloading" and detail.get("total"):
            layers[layer] = (detail.get("current", 0), detail["total"])
        elif line.get("status") == "Download complete" and layer in layers:
            layers[layer] = (layers[layer][1], layers[layer][1])
        done, total = sum(one for one, _ in layers.values()), sum(one for _, one in layers.values())
        status = str(line.get("status", ""))
        said = f"{layer}: {status}" if layer else status
        yield _Pulled(done, max(total, 1), f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else status,
                      () if detail or not status else (said,))


def _not_pulled(stack: Stack, image: str, service: str, said: str) -> EngineError:
    spec = next((one for one in stack.services if one.name == service), None)
    return EngineError(
        f"The image {image} of {service} is not here and could not be pulled: {said.rstrip('.')}.",
        "Check its name and tag, log in to its registry (docker login), or build or load it on this host.",
        service=service, file=stack.definition.source, line=spec.line if spec else None,
    )


def build(docker_path: str, stack: Stack, file: Path, variables: Mapping[str, str], service: str) -> Iterator[Step]:
    """Build the image of one service; the step counts the steps of its Dockerfile."""
    step = build_step(service)
    counted = BuildCount()
    words = commands.build(docker_path, stack, file, service)
    with Running(words, variables, stack.path, file.parent) as command:
        for lines in command.ticks(TICK):
            for line in lines:
                counted.read(line)
            yield Step(step.key, step.label, min(counted.done, counted.total - 1), counted.total, counted.remark,
                       tuple(lines))
        if command.code != 0:
            raise _not_built(stack, service, command.lines)
    yield Step(step.key, step.label, counted.total, counted.total)


class BuildCount:
    """Counts the steps of a build from the lines that BuildKit or the classic builder write."""

    def __init__(self) -> None:
        self._stages: dict[str, int] = {}
        self._numbers: dict[str, tuple[str, int]] = {}
        self._done: set[tuple[str, int]] = set()
        self.remark = ""

    @property
    def total(self) -> int:
        """Steps of every stage that was begun; at least 1."""
        return max(1, sum(self._stages.values()))

    @property
    def done(self) -> int:
        return len(self._done)

    def read(self, line: str) -> None:
        if match := _STAGE.match(line):
            stage, number, total = match[2], int(match[3]), int(match[4])
            self._stages[stage] = total
            self._numbers[match[1]] = (stage, number)
            self.remark = f"step {number} of {total}: {match[5]}"[:200]
        elif (match := _DONE.match(line)) and match[1] in self._numbers:
            self._done.add(self._numbers[match[1]])
        elif match := _CLASSIC.match(line):
            self._stages[""] = int(match[2])
            self._done.update(("", number) for number in range(1, int(match[1])))
            self.remark = f"step {match[1]} of {match[2]}: {match[3]}"[:200]


def _not_built(stack: Stack, service: str, lines: list[str]) -> EngineError:
    said = lines[-1].removeprefix("failed to solve: ") if lines else "docker compose build ended without a word"
    failed = next((match for line in reversed(lines) if (match := _FAILED.search(line))), None)
    exit_code = next((match[1] or match[2] for line in reversed(lines) if (match := _EXIT.search(line))), None)
    file, line = _dockerfile(stack, service), None
    if failed:
        how = f"exited with code {exit_code}" if exit_code else "failed"
        said = f"step {failed[1].split(' ', 1)[-1]}, {failed[2]}, {how}"
        line = _line_of(file, failed[2])
    where = next((match for one in lines if (match := _WHERE.match(one.strip()))), None)
    if where:
        line = int(where[2])
    at = f" ({file.name}, line {line})" if file and line else ""
    return EngineError(f"The image of {service} could not be built: {said.rstrip('.')}{at}.",
                       "\n".join(_excerpt(lines)[-SHOWN_LINES:]), service=service, file=file, line=line)


def _excerpt(lines: list[str]) -> list[str]:
    """What BuildKit repeats of the step that failed, between its two rules; all lines where there is no such thing."""
    if lines.count(RULE) < 2:
        return lines
    begin = lines.index(RULE) + 1
    return [line for line in lines[begin:] if line != RULE and not _FAILED.search(line)]


def _dockerfile(stack: Stack, service: str) -> Path | None:
    section = (stack.definition.document.get("services") or {}).get(service, {}).get("build") or {}
    context = Path(section.get("context", "."))
    return context / section.get("dockerfile", "Dockerfile") if context.is_absolute() else None


def _line_of(file: Path | None, instruction: str) -> int | None:
    """Where an instruction stands in a Dockerfile."""
    try:
        lines = file.read_text(errors="replace").splitlines() if file else []
    except OSError:
        return None
    wanted = " ".join(instruction.split())
    found = (number for number, line in enumerate(lines, start=1) if " ".join(line.split()) == wanted)
    return next(found, None)


def built_images(client: docker.APIClient, stack: Stack) -> list[dict[str, Any]]:
    """The images that Hub built for the stack, of all revisions."""
    return client.images(filters={"label": [f"hub.id={stack.hub_id}", f"hub.project={stack.slug}"]})


def prune(client: docker.APIClient, stack: Stack) -> None:
    """Remove what Hub built for earlier revisions and no kept one ran."""
    for service in to_build(stack):
        prefix = f"{image_repository(stack, service)}:r"
        for image in built_images(client, stack):
            for tag in image.get("RepoTags") or () if image["Id"] not in stack.keeps else ():
                number = tag.removeprefix(prefix)
                if tag.startswith(prefix) and number.isdigit() and int(number) < stack.revision:
                    # A container may still run it; the next start tries again.
                    with contextlib.suppress(docker.errors.APIError):
                        client.remove_image(tag)
