"""The work horses of a worker: one is kept ready for many tasks, a task with a process of its own has another."""

from __future__ import annotations

from django.db import connections

from tasks.horse import Death, Horse, HorseGone
from tasks.line import Assignment
from tasks.models import Attempt, Task
from tasks.settle import died, push
from tasks.shift import Shift
from tasks.states import TaskState


class Stable:
    """For the worker of that name, which has one task at a time."""

    def __init__(self, worker: str):
        self._worker = worker
        self._ready: Horse | None = None
        self.at_work: Horse | None = None

    def pids(self) -> set[int]:
        return {horse.pid for horse in (self.at_work, self._ready) if horse is not None}

    def give(self, task: Assignment, *, own_process: bool) -> Horse:
        """The horse that has begun with the task, until `rest`."""
        while True:
            horse = self._fork(single=True) if own_process else self.saddle()
            try:
                horse.assign(task)
            except HorseGone:  # while it waited: for lack of memory, or killed by hand
                continue
            self.at_work = horse
            return horse

    def rest(self) -> None:
        """Its task has ended, or the horse has."""
        self.at_work = None

    def saddle(self) -> Horse:
        """The horse for many tasks, forked anew when it has ended."""
        if self._ready is None or not self._ready.is_alive:
            if self._ready is not None:
                self._ready.end()
            self._ready = self._fork(single=False)
        return self._ready

    def end(self) -> None:
        """Send home the one that waits."""
        if self._ready is not None:
            self._ready.end()

    def settle(self, task_id: str, horse: Horse, death: Death) -> None:
        """Settle the task with which a horse died."""
        attempt = Attempt.objects.filter(task_id=task_id, worker=self._worker, pid=horse.pid, ended_at=None).first()
        if attempt is not None:
            Attempt.objects.filter(pk=attempt.pk).update(memory=death.memory)
            died(attempt, death.reason, exit_code=death.exit_code, signal=death.signal, again=death.may_run_again)
            return
        # It died before it took the task, or after it had settled it. When that was while it waited, the task is not
        # to blame, and comes again; else the rescuer finds it.
        task = Task.objects.filter(pk=task_id, state=TaskState.QUEUED).first() if horse.tasks > 1 else None
        if task is not None:
            push(task)

    def _fork(self, *, single: bool) -> Horse:
        connections.close_all()  # a connection must not be shared with the horse
        return Horse.fork(lambda line: Shift(line, self._worker, single=single).work())
