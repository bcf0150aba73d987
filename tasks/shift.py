"""The shift of a work horse: one task after another, each as if the process were new."""

from __future__ import annotations

import _thread
import contextlib
import contextvars
import ctypes
import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from django.db import Error, connection, connections

from tasks import cancellation, heavy, limits, runner
from tasks.cancellation import TaskCancelled, TaskTimedOut
from tasks.line import Assignment, Done, Line
from tasks.models import Task
from tasks.states import TaskState
from tasks.traces import Session, Traces, memory

logger = logging.getLogger(__name__)

# What no test of traces can see (memory that leaks, sockets, caches) ends with the process: after so many tasks, or
# when it has grown by so many bytes.
MOST_TASKS = 500
MOST_GROWTH = 64 * 1024 * 1024
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class Shift:
    """Runs the tasks that come over the line, in the process of a horse, until it no longer looks as it did before the
    first; with `single` only one. Its worker is named in the attempts."""

    def __init__(self, line: Line, worker: str, *, single: bool = False):
        self._line, self._worker, self._single = line, worker, single
        self._task_id, self._number = "", 0

    def work(self) -> None:
        """Until the line ends, or a task has left something behind. Raises what kept a task from being settled."""
        random.seed()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the worker, which lets the task end
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        cancellation.listen(self._is_meant)
        if not self._single:
            # What a job leaves running in the background becomes a child of this process, and is seen.
            _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            with contextlib.suppress(Error):  # the claim, which tries again, says it better
                connection.ensure_connection()
        self._before, self._memory = Traces.of_this_process(), memory()
        while (task := self._line.next()) is not None:
            self._number += 1
            state = contextvars.copy_context().run(self._run, task)
            done = self._done(state)
            self._line.answer(done)
            if not done.stays:
                break
        connections.close_all()

    def _run(self, task: Assignment) -> str:
        cancellation.forget()
        self._task_id = task.task_id
        if self._line.is_to_stop(task.task_id):  # its signal came before the line above
            cancellation.interrupt(TaskCancelled("The task was cancelled."))
        random.seed()
        os.environ["HUB_TASK"] = task.task_id
        session = Session()
        try:
            with _time_limit(task.timeout), connection.execute_wrapper(session):
                state = runner.run_task(task.task_id, self._worker)
            if state == TaskState.QUEUED:
                limits.turn_away(task.task_id)
            return state
        finally:
            self._task_id = ""
            sys.stdout.flush()
            if session.is_changed:
                connections.close_all()

    def _done(self, state: str) -> Done:
        """How the task ended, and whether this process is as good as new."""
        if self._single:
            return Done(state, stays=False, heavy=tuple(heavy.needed()))
        left, grown = self._before.changed(Traces.of_this_process()), memory() - self._memory
        if left:
            return Done(state, stays=False, why=f"it left behind: {', '.join(left)}")
        if self._number >= MOST_TASKS or grown > MOST_GROWTH:
            return Done(state, stays=False, why=f"{self._number} tasks, {grown // 2**20} MB more")
        return Done(state)

    def _is_meant(self) -> bool:
        """Whether a stop that has just come is for the task at hand. It may also come from the rescuer, who can only
        send a signal: then the row decides, which is read in a thread, for here is no place to touch the connection."""
        task_id = self._task_id
        if task_id and not self._line.is_to_stop(task_id):
            # Not `threading`, whose locks the interrupted code may hold.
            _thread.start_new_thread(self._look, (task_id,))
            return False
        return bool(task_id)

    def _look(self, task_id: str) -> None:
        try:
            if Task.objects.filter(pk=task_id, state=TaskState.RUNNING, cancel_requested=True).exists():
                self._line.stop(task_id)
                signal.pthread_kill(threading.main_thread().ident, cancellation.STOP_SIGNAL)
        except Exception:
            logger.warning("Whether task %s is to stop cannot be seen now.", task_id, exc_info=True)
        finally:
            connections.close_all()


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Tell the job when its time is over."""

    def is_over(number: int, frame: FrameType | None) -> None:
        cancellation.interrupt(TaskTimedOut(seconds))

    signal.signal(signal.SIGALRM, is_over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
