"""The process that holds a Dagger session open: `dagger session`, spawned, timed and killed by us.

The SDK would wait for ever for a CLI that hangs, and would leave its child behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from projects.engines.dagger.access import PORT_VARIABLE, TOKEN_VARIABLE, Access

KILLED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `first_word`: until the CLI writes anything at all, which it does when it begins to look for its engine;
    `ready`: until it says where it listens, which may include the download of an engine; `connect`: until the engine
    answers there; `farewell`: to end by itself, which is when it writes its cache; `build`: for one image."""

    first_word: float = 6.0
    ready: float = 300.0
    connect: float = 6.0
    farewell: float = 20.0
    build: float = 3600.0


class SessionFailed(Exception):
    """There is no session. `message` is one sentence, `said` what the CLI wrote last."""

    def __init__(self, message: str, said: str = ""):
        super().__init__(message)
        self.message, self.said = message, said


@dataclass(slots=True)
class Session:
    """`async with Session(...)` opens it; `variables` are then what the SDK finds it by. `tell` gets each line that
    the CLI writes. Its process stays in our process group: who kills the group kills it."""

    access: Access
    environ: dict[str, str]
    folder: str
    limits: Limits
    tell: Callable[[str], None]
    variables: dict[str, str] = field(default_factory=dict)
    _process: asyncio.subprocess.Process | None = None
    _heard: asyncio.Event = field(default_factory=asyncio.Event)
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    _reader: asyncio.Task | None = None

    async def __aenter__(self) -> Session:
        if self.access.port:
            self._found(self.access.port, self.access.token)
            return self
        try:
            # A line of the engine may hold a whole command; the default limit would end the reading there.
            self._process = await asyncio.create_subprocess_exec(
                self.access.cli, "session", "--label", "dagger.io/sdk.name:python", cwd=self.folder, env=self.environ,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                limit=1 << 20,
            )
        except OSError as error:
            raise SessionFailed(f"The Dagger CLI {self.access.cli} cannot be run: {error.strerror}.") from error
        self._reader = asyncio.create_task(self._read(self._process.stderr))
        try:
            await self._ready(self._process)
        except BaseException:
            await self._end(0)
            raise
        return self

    async def __aexit__(self, failed: type[BaseException] | None, *_: object) -> None:
        await self._end(0 if failed else self.limits.farewell)

    @property
    def said(self) -> str:
        """The last lines that the CLI wrote."""
        return "\n".join(self._said)

    async def died(self) -> int:
        """Wait until the CLI ends: its exit code. Never returns for a session that is not ours."""
        if self._process is None:
            await asyncio.Event().wait()
        code = await self._process.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reader), 1)
        return code

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the line that says where the session listens."""
        line = asyncio.create_task(process.stdout.readline())
        heard = asyncio.create_task(self._heard.wait())
        try:
            done, _ = await asyncio.wait({line, heard}, timeout=self.limits.first_word,
                                         return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise SessionFailed(f"The Dagger CLI hangs: it wrote nothing within {self.limits.first_word:g} s.")
            done, _ = await asyncio.wait({line}, timeout=self.limits.ready)
            if not done:
                raise SessionFailed(f"Dagger's engine was not ready within {self.limits.ready:g} s.", self.said)
            text = line.result().decode("utf-8", "replace").strip()
        except ValueError:  # a line without an end
            raise SessionFailed("The Dagger CLI did not say where its session listens.", self.said) from None
        finally:
            for task in (line, heard):
                task.cancel()
        if not text:
            await self._no_session(process)
        try:
            answer = json.loads(text)
            self._found(int(answer["port"]), str(answer["session_token"]))
        except (ValueError, KeyError, TypeError):
            raise SessionFailed("The Dagger CLI did not say where its session listens.", text[:2000]) from None

    async def _no_session(self, process: asyncio.subprocess.Process) -> None:
        try:
            code = await asyncio.wait_for(self.died(), self.limits.connect)
        except TimeoutError:
            raise SessionFailed("The Dagger CLI closed its output and went on.", self.said) from None
        last = self._said[-1] if self._said else "it wrote nothing"
        raise SessionFailed(f"The Dagger CLI exited with code {code} before there was a session: {last}", self.said)

    def _found(self, port: int, token: str) -> None:
        self.variables = {PORT_VARIABLE: str(port), TOKEN_VARIABLE: token}

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than the limit: what was read of it is gone
                continue
            if not line:
                return
            self._heard.set()
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._said.append(text)
                self.tell(text)

    async def _end(self, grace: float) -> None:
        """Close its input, which is how it is told to end; kill it when it has not done so in time."""
        process = self._process
        if process is None:
            return
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # A child of its own may hold its output open, which is what this waits for too; who kills our group ends it.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), KILLED_SECONDS)
        self._reader.cancel()
