"""The process that speaks with Dagger: `python -m projects.engines.dagger.builder`. `order` says what goes in and out.

A process of its own, because it can be killed with everything it started, whatever the SDK is doing at that moment,
and because the SDK is large and slow to import, and none of Hub's processes has to carry it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import dagger
from beartype.roar import BeartypeCallHintReturnViolation

from projects.engines.compose.ignored import ignored
from projects.engines.dagger.access import QUIET
from projects.engines.dagger.failure import failure_of
from projects.engines.dagger.image import INLINE, Image
from projects.engines.dagger.order import Order, Report
from projects.engines.dagger.session import Session, SessionFailed

MASK = "••••"
# Shorter ones are no secrets, and would be masked out of half the words.
SHORTEST_SECRET = 4


class Failed(Exception):
    """The order cannot be carried out; `report` says why."""

    def __init__(self, report: Report):
        super().__init__(report.text)
        self.report = report


class Builder:
    """Carries out one order. `tell` gets every report but the last."""

    def __init__(self, order: Order, tell: Callable[[Report], None]):
        self.order, self.tell = order, tell

    async def run(self) -> Report:
        """The last report: `finished` or `failed`."""
        order = self.order
        session = Session(order.access, order.environ, order.folder, order.limits,
                          lambda line: self.tell(Report("line", line)))
        try:
            async with session:
                await self._while_alive(session, self._connected(session))
        except SessionFailed as error:
            return Report("failed", error.message, detail=error.said)
        except Failed as error:
            return error.report
        return Report("finished")

    async def _while_alive(self, session: Session, work: Awaitable[None]) -> None:
        """Do the work; when the session dies meanwhile, end it at once: the SDK might never find out."""
        working = asyncio.ensure_future(work)
        dying = asyncio.create_task(session.died())
        try:
            await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done() or (isinstance(working.exception(), Failed) and await _soon(dying)):
                raise SessionFailed(f"Dagger's session ended in the middle of the work ({_ended(dying.result())}).",
                                    session.said)
            await working
        finally:
            for task in (working, dying):
                task.cancel()
            await asyncio.gather(working, dying, return_exceptions=True)

    async def _connected(self, session: Session) -> None:
        os.environ.update(session.variables)
        config = dagger.Config(retry=dagger.Retry(connect=True, execute=False), log_output=sys.stderr)
        connection = dagger.Connection(config)
        try:
            async with asyncio.timeout(self.order.limits.connect):
                client = await connection.__aenter__()
        except TimeoutError:
            raise SessionFailed(f"Dagger's engine did not answer within {self.order.limits.connect:g} s.",
                                session.said) from None
        except Exception as error:  # the SDK lets those of five layers through
            raise Failed(failure_of(error)) from error
        try:
            self.tell(Report("stage", stage="session"))
            async with asyncio.TaskGroup() as group:
                for image in self.order.images:
                    group.create_task(self._image(client, image))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            with suppress(Exception):  # nothing depends on how it ends: the session's own end is what is looked at
                async with asyncio.timeout(self.order.limits.connect):
                    await connection.__aexit__(None, None, None)

    async def _image(self, client: dagger.Client, image: Image) -> None:
        try:
            async with asyncio.timeout(self.order.limits.build):
                await self._stages(client, image)
        except TimeoutError:
            raise Failed(Report(
                "failed", f"{image.service}: the image was not ready within {self.order.limits.build:g} s.",
                service=image.service,
            )) from None
        except Exception as error:
            raise Failed(failure_of(error, image)) from error

    async def _stages(self, client: dagger.Client, image: Image) -> None:
        dockerfile, text = image.dockerfile, image.inline
        if not text and not image.dockerfile_path.resolve().is_relative_to(Path(image.context).resolve()):
            text = image.text()
        source = client.host().directory(image.context, exclude=ignored(Path(image.context), dockerfile))
        if text:
            dockerfile = INLINE
            source = source.with_new_file(INLINE, text)
        source = await source.sync()
        self.tell(Report("stage", service=image.service, stage="read"))
        container = source.docker_build(
            dockerfile=dockerfile,
            platform=dagger.Platform(image.platform) if image.platform else None,
            build_args=[dagger.BuildArg(name, value) for name, value in image.args],
            target=image.target,
            secrets=[client.set_secret(secret.id, secret.plaintext()) for secret in image.secrets],
        )
        for name, value in image.labels:
            container = container.with_label(name, value)
        container = await container.sync()
        self.tell(Report("stage", service=image.service, stage="build"))
        # The SDK promises a value here and gives none, about which its own type check complains, afterwards.
        with suppress(BeartypeCallHintReturnViolation):
            # In the form that Docker 20.10 can read as well.
            await container.export_image(image.name, forced_compression=dagger.ImageLayerCompression.Gzip,
                                         media_types=dagger.ImageMediaTypes.DockerMediaTypes)
        self.tell(Report("stage", service=image.service, stage="export"))


class Reporter:
    """Writes reports, without the secrets that a build may have printed, to a descriptor that nobody else has."""

    def __init__(self, output: BinaryIO, order: Order):
        self._output = output
        secrets = {secret.plaintext() for image in order.images for secret in image.secrets}
        self._secrets = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]

    def __call__(self, report: Report) -> None:
        masked = replace(report, text=self._masked(report.text), detail=self._masked(report.detail))
        self._output.write(masked.to_line())
        self._output.flush()

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def end_with_the_engine() -> None:
    """Wait until our input ends, which is when the engine has died; then kill our whole group."""
    while os.read(0, 4096):
        continue
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Carry out the order on standard input, and report on standard output."""
    # What a library or a child prints goes where our errors go: the reports are read by a program.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    order = Order.from_line(sys.stdin.buffer.readline())
    threading.Thread(target=end_with_the_engine, daemon=True).start()
    tell = Reporter(output, order)
    os.environ.update(QUIET)
    tell(asyncio.run(Builder(order, tell).run()))


async def _soon(task: asyncio.Task[int]) -> bool:
    """Whether the task ends within a moment: an engine that dies closes its connections first."""
    await asyncio.wait({task}, timeout=1)
    return task.done()


def _ended(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


if __name__ == "__main__":
    main()
