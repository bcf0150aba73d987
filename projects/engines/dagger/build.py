"""Builds images by Dagger: starts the builder, follows what it reports, and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from projects.engines.base import EngineError, Step
from projects.engines.dagger.access import Access, variables
from projects.engines.dagger.image import Image
from projects.engines.dagger.order import STAGES, Order, Report
from projects.engines.dagger.session import Limits
from projects.engines.process.processes import table

CODE_ROOT = Path(__file__).resolve().parents[3]
LOG_NAME = "build.log"
# Seconds. The SDK takes a while to be imported on a busy machine; after that every wait has a limit of its own.
IMPORT_SECONDS = 60.0
GONE_SECONDS = 5.0
LONGEST_REMARK = 120

LABELS = {
    "read": "the build context of {} is read",
    "build": "{} is built by Dagger",
    "export": "the image of {} is in Docker",
}
SESSION = Step("dagger", "Dagger's engine answers")


def build_plan(images: list[Image]) -> list[Step]:
    """Every step of building these images, none of them begun; empty when there is nothing to build."""
    if not images:
        return []
    return [SESSION, *(_step(image.service, stage) for image in images for stage in STAGES)]


def build(images: list[Image], access: Access, *, folder: Path, environ: Mapping[str, str],
          docker: Mapping[str, str], limits: Limits | None = None) -> Iterator[Step]:
    """Build the images and give them to Docker; yields the steps of `build_plan` as they end, with live remarks.

    `environ` is the host's, `docker` what says which Docker (`DOCKER_HOST`, ..). What Dagger writes goes to
    `folder/build.log` as well. EngineError says what failed, in which service, and on which line of its Dockerfile.
    Whoever closes the generator early ends the build with it.
    """
    if not images:
        return
    limits = limits or Limits()
    order = Order(access, tuple(images), variables(environ, docker), str(folder), limits)
    seconds = IMPORT_SECONDS + limits.ready + limits.connect + limits.build + limits.farewell
    log_mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = os.open(folder / LOG_NAME, log_mode, 0o600)
    except OSError as error:
        raise EngineError(f"Hub cannot write to its data folder {folder}: {error.strerror}.") from error
    with os.fdopen(log, "w", encoding="utf-8", errors="replace") as written, _builder(order, written) as process:
        yield from _followed(process, images, written, time.monotonic() + seconds)


def _followed(process: subprocess.Popen[bytes], images: list[Image], log, deadline: float) -> Iterator[Step]:
    pending = [("", "session"), *((image.service, stage) for image in images for stage in STAGES)]
    for report in _reports(process, deadline):
        if report.kind == "line":
            log.write(f"{report.text}\n")
            log.flush()
            yield replace(_spoken_of(pending), detail=report.text[:LONGEST_REMARK], lines=(report.text,))
        elif report.kind == "stage":
            pending.remove((report.service, report.stage))
            yield _step(report.service, report.stage, done=1)
        elif report.kind == "failed":
            log.write(f"{report.text}\n{report.detail}\n")
            raise _error(report, images)
        else:
            return
    code = process.wait()
    raise EngineError("Hub's builder for Dagger ended before its work was done.", f"exit code {code}")


def _spoken_of(pending: list[tuple[str, str]]) -> Step:
    """The step that a line of Dagger belongs to, of those that have not ended. Dagger does not say which image a line
    is of: while several are built, it is of none."""
    waited_for = {service for service, _ in pending}
    if "" not in waited_for and len(waited_for) != 1:
        return replace(SESSION, done=1)
    return _step(*pending[0])


def _step(service: str, stage: str, done: int = 0) -> Step:
    if stage == "session":
        return replace(SESSION, done=done)
    return Step(f"{stage}:{service}", LABELS[stage].format(service), done)


def _error(report: Report, images: list[Image]) -> EngineError:
    file = next((image.dockerfile_path for image in images if image.service == report.service and not image.inline),
                None)
    return EngineError(report.text, report.detail, service=report.service, file=file, line=report.line)


def _reports(process: subprocess.Popen[bytes], deadline: float) -> Iterator[Report]:
    """What the builder says, until it ends. EngineError when it takes longer than all its own limits together."""
    pending = b""
    descriptor = process.stdout.fileno()
    while True:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise EngineError("Hub's builder for Dagger did not end in time; it was killed.")
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return
        *lines, pending = (pending + piece).split(b"\n")
        yield from map(Report.from_line, lines)


@contextlib.contextmanager
def _builder(order: Order, log) -> Iterator[subprocess.Popen[bytes]]:
    """A builder with its order. Whatever happens, it and all that it started are gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "projects.engines.dagger.builder"], cwd=CODE_ROOT, env=order.environ,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
    )
    try:
        with contextlib.suppress(BrokenPipeError):  # it died at once: its end says so
            process.stdin.write(order.to_line())
            process.stdin.flush()
        yield process
    finally:
        _kill(process)
        process.stdin.close()
        process.stdout.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the builder's whole group and see it gone."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := [stat.pid for stat in table().values() if stat.group == process.pid and stat.alive]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise EngineError("What the build has started cannot be killed.", f"processes {left}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    process.wait()
