"""The private folder of a Compose stack: how far its last start or stop came, its bound content, its kept logs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from projects.engines.base import EngineError
from projects.engines.process.processes import boot_id
from projects.engines.process.rundir import read_json, write_json

Phase = Literal["down", "starting", "up", "stopping"]


@dataclass(frozen=True, slots=True)
class Record:
    """What Hub did to the stack last. `since`: when that ended or began (seconds since 1970); what is seen to happen
    after it, in the phase `up`, was not done by Hub. `ready`: services that were seen to be ready in this start."""

    phase: Phase = "down"
    run: int = 0
    revision: int = 0
    since: float = 0.0
    ready: tuple[str, ...] = ()
    boot: str = ""

    @property
    def is_of_this_boot(self) -> bool:
        return self.boot == boot_id()


@dataclass(frozen=True)
class RunDir:
    path: Path
    record_path: Path = field(init=False)
    content_path: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "record_path", self.path / "compose-state.json")
        object.__setattr__(self, "content_path", self.path / "compose.json")

    def create(self) -> None:
        """Make the folder (0700). OSError when that is not possible."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)

    def exists(self) -> bool:
        return self.path.is_dir()

    def record(self) -> Record:
        content = read_json(str(self.record_path))
        try:
            return Record(**{**content, "ready": tuple(content.get("ready", ()))})
        except TypeError:  # written by another version
            return Record()

    def write(self, **changes: Any) -> Record:
        """Change the record; `since` becomes now."""
        record = replace(self.record(), since=time.time(), boot=boot_id(), **changes)
        self.create()
        write_json(str(self.record_path), {name: getattr(record, name) for name in Record.__slots__})
        return record

    def write_content(self, content: dict[str, Any]) -> Path:
        """Put the bound content where Compose reads it (0600: it may hold secrets)."""
        write_json(str(self.content_path), content)
        return self.content_path

    def content(self) -> dict[str, Any]:
        """The bound content of the last start; empty when there is none."""
        return read_json(str(self.content_path))

    def forget_content(self) -> None:
        self.content_path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Hold this while the stack is changed: two callers wait for each other."""
        self.create()
        handle = os.open(self.path / "compose.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    # Kept logs

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def kept_runs(self) -> list[int]:
        """Numbers of the runs whose logs were put away, newest first."""
        try:
            return sorted((int(name) for name in os.listdir(self.logs) if name.isdigit()), reverse=True)
        except OSError:
            return []

    def log_path(self, run: int, instance: str) -> Path:
        safe = "".join(sign if sign.isalnum() or sign in "._-" else f"%{ord(sign):x}" for sign in instance)
        return self.logs / str(run) / f"{safe}.log"


@contextlib.contextmanager
def writing(rundir: RunDir) -> Iterator[None]:
    """What the data folder refuses, told as an EngineError."""
    try:
        yield
    except OSError as error:
        if error.filename is None or not str(error.filename).startswith(str(rundir.path)):
            raise
        raise EngineError(f"Hub cannot write to its data folder {rundir.path}: {error.strerror}.") from error
