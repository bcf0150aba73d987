"""What containers said: read from Docker while they are there, put away when they are removed.

The offset of a line is its time in nanoseconds since 1970, as Docker gives it. It only grows, and means the same in
what is kept and in what is live, for one container and for the containers of a service together.
"""

from __future__ import annotations

import heapq
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker

from projects.engines.base import EngineError, LogChunk, Moment
from projects.engines.compose.containers import Container
from projects.engines.compose.naming import instance_name
from projects.engines.compose.rundir import RunDir
from projects.stacks.spec import ServiceSpec, Stack

LONGEST_LINE = 8 * 1024
CUT_MARK = " … (line cut)"
KEPT_BYTES = 4 * 1024 * 1024
"""Of each container at most so much of the end is put away."""

KEPT_RUNS = 5
LAST_LINES = 20
MAX_LINES = 20_000
CHUNK_LINES = 2_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Line = tuple[int, str]


class Logs:
    """The logs of one stack's containers."""

    def __init__(self, client: docker.APIClient | None, rundir: RunDir):
        self.client, self.rundir = client, rundir

    def read(self, spec: ServiceSpec, containers: list[Container], run: int, *, tail: int, after: int | None,
             only: int | None = None, since: datetime | None = None) -> LogChunk:
        """Lines of a service, or of its instance number `only`: the last `tail`, or those after an offset; with
        `since` only those written then or later.

        `containers` are those that are still there; none when the run has ended.
        """
        numbers = [only] if only is not None else list(range(1, spec.instances + 1))
        parts: list[Iterable[Line]] = []
        missed = False
        for number in numbers:
            lines = self._instance(spec, number, containers, run, tail, after)
            missed = missed or (after is not None and len(lines) > tail)
            name = instance_name(spec, number)
            parts.append(lines if len(numbers) == 1 else [(at, f"{name} | {text}") for at, text in lines])
        merged = list(heapq.merge(*parts, key=lambda line: line[0]))
        begin = _nanoseconds(since)
        shown = [line for line in merged[-tail:] if line[0] >= begin] if tail > 0 else []
        return _chunk(shown, max([after or 0, *(at for at, _ in merged)]), run, missed)

    def history(self, spec: ServiceSpec, number: int, containers: list[Container], run: int,
                since: datetime | None) -> Iterator[LogChunk]:
        """All that is kept of one instance, oldest first, in chunks of `CHUNK_LINES`."""
        begin, newest = _nanoseconds(since), 0
        chunk: list[Line] = []
        for at, text in self._everything(spec, number, containers, run):
            newest = max(newest, at)
            if at >= begin:
                chunk.append((at, text))
            if len(chunk) == CHUNK_LINES:
                yield _chunk(chunk, newest, run)
                chunk = []
        if chunk:
            yield _chunk(chunk, newest, run)

    def _everything(self, spec: ServiceSpec, number: int, containers: list[Container], run: int) -> Iterator[Line]:
        newest = -1
        for at, text in _stored(self.rundir.log_path(run, instance_name(spec, number))):
            newest = max(newest, at)
            yield at, text
        for container in containers:
            if container.service == spec.name and container.number == number:
                yield from (line for line in self._live(container, MAX_LINES, None) if line[0] > newest)

    def last_lines(self, container: Container) -> tuple[str, ...]:
        """The last lines of one container; none when they cannot be read."""
        try:
            return tuple(text for _, text in self._live(container, LAST_LINES, None))
        except (docker.errors.DockerException, EngineError):
            return ()

    def put_away(self, specs: Iterable[ServiceSpec], containers: Iterable[Container], run: int) -> None:
        """Keep the end of the containers' logs in the stack's folder; again is harmless. Older runs are removed."""
        by_name = {spec.name: spec for spec in specs}
        for container in containers:
            spec = by_name.get(container.service)
            name = instance_name(spec, container.number) if spec else f"{container.service}.{container.number}"
            path = self.rundir.log_path(run, name)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            kept = list(_stored(path))
            newest = kept[-1][0] if kept else -1
            try:
                _write(path, [*kept, *(line for line in self._live(container, MAX_LINES, None) if line[0] > newest)])
            except docker.errors.NotFound:  # removed by somebody else meanwhile
                continue
        for old in self.rundir.kept_runs()[KEPT_RUNS:]:
            shutil.rmtree(self.rundir.logs / str(old))

    def _instance(self, spec: ServiceSpec, number: int, containers: list[Container], run: int, tail: int,
                  after: int | None) -> list[Line]:
        found: list[Line] = []
        for container in containers:
            if container.service == spec.name and container.number == number:
                found += self._live(container, tail + 1, after)
        if len(found) <= tail:
            oldest = found[0][0] if found else None
            stored = (line for line in _stored(self.rundir.log_path(run, instance_name(spec, number)))
                      if (after is None or line[0] > after) and (oldest is None or line[0] < oldest))
            found = [*deque(stored, maxlen=tail + 1), *found]
        # One more than asked for shows that there is more.
        return found[-tail - 1:] if after is not None else found[-tail:] if tail > 0 else []

    def _live(self, container: Container, tail: int, after: int | None) -> list[Line]:
        if self.client is None:
            return []
        since = None if after is None else after // 1_000_000_000
        try:
            text = self.client.logs(container.id, timestamps=True, since=since, tail=tail if after is None else "all")
        except docker.errors.NotFound:
            return []
        except docker.errors.APIError as error:
            raise EngineError(f"The log of {container.name} cannot be read: {error.explanation or error}.",
                              service=container.service) from None
        lines = (_line(line) for line in text.decode("utf-8", "replace").split("\n") if line)
        return [line for line in lines if after is None or line[0] > after]


def _chunk(lines: list[Line], offset: int, run: int, missed: bool = False) -> LogChunk:
    moments = tuple(Moment(EPOCH + timedelta(microseconds=at // 1000), 0.0) if at else None for at, _ in lines)
    return LogChunk(tuple(text for _, text in lines), offset, run, missed, moments)


def _nanoseconds(since: datetime | None) -> int:
    return 0 if since is None else (since - EPOCH) // timedelta(microseconds=1) * 1000


def _stored(path: Path) -> Iterator[Line]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from (_line(line.rstrip("\n")) for line in file)
    except FileNotFoundError:
        return


def _write(path: Path, lines: list[Line]) -> None:
    """The newest of the lines, as many as may be kept."""
    kept: deque[str] = deque()
    size = 0
    for at, text in reversed(lines):
        line = f"{_text(at)} {text}\n"
        size += len(line.encode())
        if size > KEPT_BYTES:
            break
        kept.appendleft(line)
    draft = path.with_suffix(".draft")
    draft.write_text("".join(kept), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(path)


def _line(text: str) -> Line:
    """`2026-01-02T03:04:05.123456789Z words` as (nanoseconds, words)."""
    stamp, _, words = text.partition(" ")
    words = words.rstrip("\r")
    if len(words) > LONGEST_LINE:
        words = words[:LONGEST_LINE] + CUT_MARK
    try:
        whole, _, fraction = stamp.rstrip("Z").partition(".")
        seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
        return seconds * 1_000_000_000 + int((fraction + "000000000")[:9]), words
    except ValueError:
        return 0, text


def _text(at: int) -> str:
    whole = datetime.fromtimestamp(at // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at % 1_000_000_000:09d}Z"


def instance_of(stack: Stack, service: str) -> tuple[ServiceSpec, int | None]:
    """The service of that name; or that of the instance of that name, with its number. EngineError for no such."""
    for spec in stack.services:
        if spec.name == service:
            return spec, None
        if service in spec.instance_names():
            return spec, spec.instance_names().index(service) + 1
    raise EngineError(f"The stack has no service {service}.", service=service)
