"""The interface every engine has. Engines import no Django model and nothing of `tasks`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from projects.stacks.spec import Definition, Stack

ServiceState = Literal[
    "running", "starting", "stopped", "completed", "failed", "paused", "restarting", "missing", "unknown"
]
Health = Literal["healthy", "unhealthy", "none"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that would stop a start. `message` what is wrong and where, `hint` what to do.

    `port` and `holder` are set when a leased host port is held by a foreign listener. `blocking` is false for what is
    worth telling, but does not stop a start.
    """

    code: str
    message: str
    hint: str = ""
    service: str = ""
    port: int | None = None
    holder: str = ""
    blocking: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """A counted fact about work under way: `done` of `total` of the step `key` are done.

    `up`, `down` and `restart` first yield every step they plan, with `done=0`, in order; then the same
    keys again as facts come in. A step has ended when `done == total`. `detail` is a short live remark; `lines` is
    what was said since the step before (by a build, by Compose), to be kept with the task.
    """

    key: str
    label: str
    done: int = 0
    total: int = 1
    detail: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """One observed process or container. Times are aware datetimes in UTC. `image`: the digest of the image that it
    runs (`sha256:...`), empty for what runs none."""

    name: str
    state: ServiceState
    health: Health = "none"
    pid: int | None = None
    container_id: str = ""
    restarts: int = 0
    exit_code: int | None = None
    signal: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One observed service: the worst state of its instances, and the instances.

    `reason` says in one sentence why it is not as it should be ("exited with code 1 after 2 s").
    `last_lines` are the last (at most 20) lines of its log when it is failed, else empty.
    """

    name: str
    state: ServiceState
    kind: Literal["service", "one-shot"] = "service"
    health: Health = "none"
    reason: str = ""
    last_lines: tuple[str, ...] = ()
    instances: tuple[InstanceStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A thing that was seen to happen to a service (an exit, a restart), newest last; kept for some minutes."""

    at: datetime
    service: str
    message: str


@dataclass(frozen=True, slots=True)
class StackStatus:
    """What was seen of a stack at `observed_at`. A stack that runs nothing has services in state `stopped`."""

    observed_at: datetime
    services: tuple[ServiceStatus, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()
    supervised: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Use of one service, summed over its instances and their descendants. `cpu`: share of one core, 1.0 = one
    core busy, since the call before (None on the first); `memory`: resident bytes (PSS where readable). The others are
    bytes since the start of its instances, None where the engine cannot tell them."""

    service: str
    cpu: float | None
    memory: int
    processes: int
    network_in: int | None = None
    network_out: int | None = None
    disk_read: int | None = None
    disk_written: int | None = None


@dataclass(frozen=True, slots=True)
class Remain:
    """Something that a delete would remove. `size` in bytes, None when it has none."""

    kind: Literal["process", "container", "network", "volume", "image", "folder", "port"]
    name: str
    size: int | None = None
    is_data: bool = False
    detail: str = ""


class Moment(NamedTuple):
    """When a line was written: at `at` (aware, UTC), or in the `within` seconds before it; nobody knows more."""

    at: datetime
    within: float


@dataclass(frozen=True, slots=True)
class LogChunk:
    """A stretch of one service's log. `offset` is where the next read goes on; it only grows within a run.
    `missed` is true when lines between `after` and this chunk have been rotated away. `moments` has one for each line,
    None where nobody knows when it was written; within one instance they never go back."""

    lines: tuple[str, ...]
    offset: int
    run: int
    missed: bool = False
    moments: tuple[Moment | None, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedVolume:
    """A volume as a tar at `path`, under the name that it has in the definition. `facts`: its `driver`, `options` and
    `labels`, with which it is made anew."""

    name: str
    path: Path
    facts: dict[str, Any]


class EngineError(Exception):
    """An operation that did not succeed.

    `message` is one sentence for the user that names service and cause; `detail` is what else helps (last lines,
    exit code); `service`, `file` and `line` say where, when known.
    """

    def __init__(self, message: str, detail: str = "", *, service: str = "", file: Path | None = None,
                 line: int | None = None):
        super().__init__(message)
        self.message, self.detail, self.service, self.file, self.line = message, detail, service, file, line


class Engine(Protocol):
    """What `projects` may ask of an engine. Every method is idempotent and safe to call again after any crash.

    `up` returns when every service is ready (or completed), and raises EngineError when one cannot be; it does not
    clean up after itself: the caller decides, by `down`. `down` returns when nothing of the stack is left: no
    process of any group or session that the stack started, and every leased port free; else it raises EngineError
    that names what is left. Closing one of these generators early leaves the stack as it is at that moment.
    """

    name: str

    def problems(self, stack: Stack) -> list[Problem]: ...
    def inputs(self, definition: Definition) -> dict[str, str]:
        """A mark by service of what a start reads from the folder beside the definition, such as the files that an
        image is built from: another mark when they have changed. Empty where there is nothing of the kind."""
        ...
    def up(self, stack: Stack) -> Generator[Step]: ...
    def down(self, stack: Stack) -> Generator[Step]: ...
    def restart(self, stack: Stack, service: str) -> Generator[Step]: ...
    def status(self, stack: Stack) -> StackStatus: ...
    def follow(self, stack: Stack, changed: Callable[[], None]) -> None:
        """From now on call `changed`, in a thread, soon after something happens where the stack runs. An engine without
        such news does nothing; asking for the status now and then has to do anyway. Again is harmless."""
        ...
    def ensure(self, stack: Stack) -> bool:
        """Bring back what watches the stack (a dead supervisor), without starting a stack that is down.
        True when something was brought back."""
        ...
    def logs(self, stack: Stack, service: str, *, tail: int = 200, after: int | None = None,
             run: int | None = None, since: datetime | None = None) -> LogChunk:
        """The last `tail` lines of a service, or those after the offset `after`; with `since` only those that may have
        been written then or later (one of which nobody knows when is left out)."""
        ...
    def history(self, stack: Stack, service: str, *, run: int | None = None,
                since: datetime | None = None) -> Iterator[LogChunk]:
        """All that is kept of one instance's log, oldest first, in chunks of bounded size, up to its end at the time
        of the call; with `since` as in `logs`. `service` is the name of one instance."""
        ...
    def runs(self, stack: Stack) -> list[int]:
        """Numbers of the runs whose logs are kept, newest first."""
        ...
    def copy_data(self, source: Stack, target: Stack) -> Generator[Step]:
        """Copy what the services of a stopped stack keep (see `Remain.is_data`) to another one, stopped as well."""
        ...
    def save_volumes(self, stack: Stack, folder: Path) -> list[SavedVolume]:
        """What its volumes hold, each as a file in `folder`; a stack that runs meanwhile goes on."""
        ...
    def restore_volumes(self, stack: Stack, saved: list[SavedVolume]) -> None:
        """Make the volumes of a stopped stack anew, as they were saved. One that is there is an EngineError."""
        ...
    def usage(self, stack: Stack) -> list[Usage]: ...
    def remains(self, stack: Stack) -> list[Remain]: ...
    def remove(self, stack: Stack, *, data: bool = False) -> None:
        """Remove what `remains` listed, after `down`; what `is_data` only when `data` is asked for."""
        ...
