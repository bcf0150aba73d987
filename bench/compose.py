"""Compose stacks on a Docker Engine of the bench's own: a start through Hub beside a plain one, and a sweep."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from bench.figures import Figure, at_most, median, p95
from bench.hub import all_ended, running_hub, settle_down, stop_all
from bench.size import Size
from hub.tests.system.running_hub import RunningHub
from projects.engines.compose.engine import ComposeEngine
from projects.engines.compose.host import Hosts
from projects.stacks import detect
from projects.stacks.spec import Stack
from projects.tests.docker_engine import DockerEngine, missing

CHECK = "healthcheck: {test: [CMD, wget, -q, --spider, 'http://127.0.0.1/sh'], interval: 500ms, retries: 60}"
SERVE = "image: 'hub-test/busybox:1', init: true, command: [httpd, -f, -p, '80', -h, /bin]"
AFTER = ", depends_on: {%s: {condition: service_healthy}}"
FOUR = "services:\n" + "".join(f"  {name}: {{{SERVE}, {CHECK}{more}}}\n" for name, more in (
    ("db", ""), ("cache", ""), ("api", AFTER % "db"), ("web", AFTER % "api" + ", ports: ['80']"),
))
IDLE = "services:\n" + "".join(
    f"  s{number}: {{image: 'hub-test/busybox:1', init: true, command: [sleep, '100000']}}\n" for number in range(4)
)


def run(size: Size) -> list[Figure]:
    """Starts in turns: plain, Hub, plain, Hub ...; then one look at many stacks."""
    if reason := missing():
        raise SystemExit(f"bin/bench compose: {reason}")
    with _docker() as docker, tempfile.TemporaryDirectory(prefix="hub-bench-compose-") as scratch:
        return [*_starts(docker, size), *_sweep(docker, Path(scratch), size)]


def _starts(docker: DockerEngine, size: Size) -> list[Figure]:
    with running_hub(**docker.variables) as hub:
        place = hub.root / "four"
        place.mkdir()
        (place / "compose.yaml").write_text(FOUR)
        project = hub.add("Four", place)
        plain, through = [], []
        for _ in range(size.rounds):
            plain.append(_plain(docker, place))
            settle_down()
            through.append(_through(hub, project))
            settle_down()
    over = [one - other for one, other in zip(through, plain, strict=True)]
    how = f"median of {size.rounds}, in turns; 4 services with health checks"
    return [
        Figure("docker compose up -d, until all are healthy", median(plain), "s", None, how),
        Figure("the same through Hub, from the request until it is shown as started", median(through), "s", None, how),
        Figure("what Hub adds to a start", median(over), "s", at_most(1.0), f"worst {max(over):.2f} s"),
    ]


def _plain(docker: DockerEngine, place: Path) -> float:
    words = ["docker", "compose", "--project-name", "plain", "--project-directory", str(place)]
    environ = {**os.environ, **docker.variables}
    client = docker.client()
    began = time.perf_counter()
    subprocess.run([*words, "up", "--detach"], env=environ, check=True, capture_output=True)
    wanted = {"label": "com.docker.compose.project=plain", "health": "healthy"}
    while len(client.containers.list(filters=wanted)) < 4:
        assert time.perf_counter() - began < 60, "the plain stack is not healthy"
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    client.close()
    subprocess.run([*words, "down"], env=environ, check=True, capture_output=True)
    return seconds


def _through(hub: RunningHub, project: int) -> float:
    began = time.perf_counter()
    task = hub.ask(project, "start")
    hub.until(lambda: hub.get(f"/api/tasks/{task}").body["finished_at"], 60, "the start has not ended")
    seconds = time.perf_counter() - began
    all_ended(hub, [task])
    stop_all(hub, [project])
    return seconds


def _sweep(docker: DockerEngine, folder: Path, size: Size) -> list[Figure]:
    """What `watch` does every two seconds: the status of every stack."""
    place = folder / "idle"
    place.mkdir()
    (place / "compose.yaml").write_text(IDLE)
    definition = detect.read(place)
    first = Stack("bench", "idle-0", definition, folder / "run-0", revision=1)
    stacks = [replace(first, slug=f"idle-{number}", run_dir=folder / f"run-{number}")
              for number in range(size.compose_stacks)]
    engine = ComposeEngine()
    try:
        for stack in stacks:
            _all(engine.up(stack))
        seconds, calls, processor = [], [], []
        with _counted(engine, stacks[0]) as count:
            for _ in range(size.rounds + 1):
                settle_down()
                before, used, began = count(), _processor(), time.perf_counter()
                states = [service.state for stack in stacks for service in engine.status(stack).services]
                seconds.append(time.perf_counter() - began)
                calls.append(count() - before)
                processor.append(_processor() - used)
                assert set(states) == {"running"}, states
    finally:
        for stack in stacks:
            _all(engine.down(stack))
    number = len(stacks)
    return [
        Figure(f"one sweep over {number} stacks of 4", p95(seconds[1:]), "s", at_most(1.0),
               f"p95 of {size.rounds}; median {median(seconds[1:]):.3f} s; "
               f"{median(processor[1:]) * 1000:.0f} ms of processor time"),
        Figure("questions to Docker a sweep, for each stack", max(calls[1:]) / number, "", at_most(2),
               f"{max(calls[1:])} for all of them"),
    ]


def _all(steps: Iterator[object]) -> None:
    for _ in steps:
        pass


def _processor() -> float:
    times = psutil.Process().cpu_times()
    return times.user + times.system


@contextmanager
def _counted(engine: ComposeEngine, stack: Stack) -> Iterator[Callable[[], int]]:
    """Counts the answers that the engine gets from Docker."""
    hosts: Hosts = engine.hosts
    client, answers = hosts.client(stack), []
    client.hooks["response"].append(lambda answer, *_, **__: answers.append(answer.status_code))
    yield lambda: len(answers)
    client.hooks["response"].clear()


@contextmanager
def _docker() -> Iterator[DockerEngine]:
    """A Docker Engine that this process and those it starts find by their environment."""
    docker = DockerEngine(Path(tempfile.mkdtemp(prefix="hub-bench-docker-")))
    try:
        docker.start()
        docker.make_image()
        os.environ.update(docker.variables)
        yield docker
    finally:
        docker.close()
