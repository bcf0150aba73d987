"""The line between a worker and its work horse: tasks go one way, how they ended goes the other.

One packet, one message. Beside it lies a page of shared memory with the id of the task that is to be stopped.
"""

from __future__ import annotations

import json
import mmap
import socket
from dataclasses import asdict, dataclass

ID_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task to run. It is told to end after `timeout` seconds and killed after `hard`; when it is cancelled, it is
    killed `grace` seconds after it was told to stop."""

    task_id: str
    timeout: float
    hard: float
    grace: float

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True, slots=True)
class Done:
    """The task has ended, by itself and in this state (empty: there was nothing to do). `stays`: the horse takes
    another; otherwise it ends, and `why` says for what reason. `heavy`: modules that the task needed, for who has a
    process of its own after it."""

    state: str
    stays: bool = True
    why: str = ""
    heavy: tuple[str, ...] = ()

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Done:
        return cls(**json.loads(data))


class Line:
    """The horse's end."""

    LONGEST = 4096

    def __init__(self, socket_: socket.socket, page: mmap.mmap):
        self._socket, self._page = socket_, page

    def next(self) -> Assignment | None:
        """Wait for a task; None when there will be none."""
        data = self._socket.recv(self.LONGEST)
        return Assignment(**json.loads(data)) if data else None

    def answer(self, done: Done) -> None:
        self._socket.send(done.packed())

    def is_to_stop(self, task_id: str) -> bool:
        """Whether that task was asked to stop."""
        return self._page[:ID_LENGTH] == _padded(task_id)

    def stop(self, task_id: str) -> None:
        """Have that task stop as if the worker had asked for it."""
        self.mark(self._page, task_id)

    @staticmethod
    def mark(page: mmap.mmap, task_id: str) -> None:
        """Write which task is to be stopped; empty for none."""
        page[:ID_LENGTH] = _padded(task_id)


def _padded(task_id: str) -> bytes:
    return task_id.encode()[:ID_LENGTH].ljust(ID_LENGTH, b"\0")
