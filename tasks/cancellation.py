"""Stopping a job that runs: the worker sends its horse a signal, the job gets an exception in its main thread.

The exception is raised once, only while the job's own code runs, and never in the middle of a database statement or
of Hub's own bookkeeping: these are shielded, and it comes right after them.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

STOP_SIGNAL = signal.SIGUSR1


class TaskCancelled(BaseException):
    """The task was asked to stop. A job may catch it to tidy up, and must raise it again.

    Not an `Exception`, so that a broad `except Exception` around a step does not swallow it.
    """


class TaskTimedOut(TaskCancelled):
    """The job was asked to stop because it took longer than its `timeout`; `seconds` says how long that is."""

    def __init__(self, seconds: float):
        super().__init__(f"It took longer than {seconds:g} s, so it was stopped.")
        self.seconds = seconds


class TaskWaits(BaseException):
    """The job has to wait for other tasks; made by `Job.wait_for`, which says what happens then.

    Not an `Exception`, so that a broad `except Exception` around it does not swallow it.
    """

    def __init__(self, children: list[Any], unless_succeeded: str):
        super().__init__(f"It waits for {len(children)} tasks.")
        self.children, self.unless_succeeded = children, unless_succeeded


class _Interruption:
    """What is known in this process: one job runs here at a time, in the main thread."""

    def __init__(self) -> None:
        self.shields = 0
        self.meant: Callable[[], bool] = lambda: True
        self.reset()

    def reset(self) -> None:
        self.armed = False
        self.raised = False
        self.told = False
        self.reason: BaseException | None = None

    def deliver(self) -> None:
        if self.reason is not None and self.armed and not self.shields and not self.raised:
            self.raised = True
            raise self.reason


_state = _Interruption()


def listen(meant: Callable[[], bool]) -> None:
    """Take the stop signal from now on; called once in the process that will run jobs. `meant` is asked, at whatever
    point of the code the signal comes, whether it is for the job at hand.

    Workers keep the signal blocked, so that one which comes between fork and here waits instead of killing.
    """
    _state.meant = meant
    signal.signal(STOP_SIGNAL, _on_signal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {STOP_SIGNAL})


def forget() -> None:
    """Nothing that was asked for so far counts for the job that comes now."""
    _state.reset()


def interrupt(reason: BaseException) -> None:
    """Raise `reason` in the job as soon as that is allowed. Only the first reason counts. Main thread only."""
    if _state.reason is None:
        _state.reason = reason
    _state.deliver()


def interrupt_from_thread() -> None:
    """Cancel the job from another thread of its process, where it runs in a work horse."""
    if signal.getsignal(STOP_SIGNAL) is _on_signal:
        _state.told = True
        signal.pthread_kill(threading.main_thread().ident, STOP_SIGNAL)


@contextlib.contextmanager
def armed() -> Iterator[None]:
    """The block is the job's own code: it may be interrupted. What was asked for earlier comes at its beginning."""
    _state.armed = True
    try:
        _state.deliver()
        yield
    finally:
        _state.reset()


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """The block runs to its end; an interruption that comes meanwhile is raised after it."""
    _state.shields += 1
    try:
        yield
    finally:
        _state.shields -= 1
    _state.deliver()


def shielded_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict) -> Any:
    """A database `execute_wrapper`: no statement is cut in two, which would leave the connection unusable."""
    with shielded():
        return execute(sql, params, many, context)


def _on_signal(number: int, frame: FrameType | None) -> None:
    if _state.told or _state.meant():
        interrupt(TaskCancelled("The task was cancelled."))
