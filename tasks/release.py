"""What goes on when a task has ended: the tasks that were blocked by it, many at a time.

The first of them go on in the transaction that ends the task, the others after it, in short transactions: nobody who
writes waits for long, and no number of them takes long. What a death leaves behind is found by the rescuer. Whoever
holds the row of a task is about to move it, so it is passed over, and looked at again; a conditional UPDATE, fenced by
the attempt, lets only one of all move it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from functools import partial

from django.db import connection, transaction

from tasks.blocked import go_on
from tasks.dependencies import blocked_for_nothing, ending_with, followers, has_seen_an_end, still_followed
from tasks.models import Task
from tasks.states import ENDED, TaskState

# Tasks in one transaction. Where writers take turns, the others wait for its end.
BATCH, BATCH_IN_TURNS = 500, 100
# Seconds that those who wait to write have between two transactions, at most.
LONGEST_REST = 0.05


class Following:
    """The way from tasks that have ended to all that follows from it, in steps."""

    def __init__(self, ended: Iterable[uuid.UUID], *, badly: bool):
        # Those of which the followers may run, some of them at a time, looked at up to the dependency `_last`.
        self._freeing = list(ended)
        self._part: list[uuid.UUID] = []
        self._last = 0
        # Those of which the followers may end.
        self._ending = list(self._freeing) if badly else []
        self._left: list[uuid.UUID] = []
        self._took = 0.0

    def begin(self) -> None:
        """Make the first step in the caller's transaction, and the others after its commit."""
        self._step()
        if self._has_more or (self._left and not _writers_take_turns()):
            transaction.on_commit(self._rest, robust=True)

    @property
    def _has_more(self) -> bool:
        return bool(self._ending or self._part or self._freeing)

    def _rest(self) -> None:
        while self._has_more:
            _let_others_write(self._took)
            with transaction.atomic():
                self._step()
        # The last two that a task waits for may end at once, neither seeing the other: one is the last to commit.
        if not _writers_take_turns():
            look_again(self._left)

    def _step(self) -> None:
        """At most a batch: those that end with what ended, down the whole chain; then those that may run."""
        began = time.monotonic()
        room = batch() - (self._end() if self._ending else 0)
        if room:
            self._free(room)
        self._took = time.monotonic() - began

    def _end(self) -> int:
        most = batch()
        part, later = self._ending[:most], self._ending[most:]
        keys = ending_with(part, most)
        moved = go_on(keys)
        # Where all are in other hands, these move them; if not, it is looked again.
        more = moved.ended and len(keys) == most
        self._ending = [*(still_followed([*part, *moved.ended]) if more else ()), *later]
        self._freeing += moved.ended
        self._left += moved.left
        return len(keys)

    def _free(self, room: int) -> None:
        if not self._part:
            most = batch()
            self._part, self._freeing, self._last = self._freeing[:most], self._freeing[most:], 0
        page = followers(self._part, self._last, room)
        if len(page) == room:
            self._last = page[-1][0]
        else:
            self._part = []
        if page:
            moved = go_on(list(dict.fromkeys(key for _, key in page)), only_free=True)
            self._freeing += moved.ended
            self._ending += moved.ended
            self._left += moved.left


def follow(task: Task) -> None:
    """In the transaction that ended the task: let go on what waits for it, or end it, and so on."""
    if task.state == TaskState.SUCCEEDED:
        Following([task.pk], badly=False).begin()
    elif followers([task.pk], 0, 1):
        Following([task.pk], badly=True).begin()


def release(task: Task) -> TaskState | None:
    """In the transaction that made the task wait: let it go on when it has nothing to wait for: queued, scheduled until
    its time, or ended with what it waited for. Returns its new state, None when it has to wait."""
    state = go_on([task.pk], known={task.pk: task}).states.get(task.pk) if has_seen_an_end(task.pk) else None
    if state in ENDED:
        Following([task.pk], badly=True).begin()
    # What ends at the same moment may not see that this waits for it.
    elif state is None and not _writers_take_turns():
        transaction.on_commit(partial(_look_again_at, task.pk), robust=True)
    return state


def release_all(keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, TaskState]:
    """Let blocked tasks go on that have nothing left to wait for; the new states of those that moved, without those
    that ended because of them."""
    states: dict[uuid.UUID, TaskState] = {}
    took, most = 0.0, batch()
    for start in range(0, len(keys), most):
        _let_others_write(took)
        began = time.monotonic()
        with transaction.atomic():
            moved = go_on(keys[start : start + most])
            if moved.ended:
                Following(moved.ended, badly=True).begin()
        states |= moved.states
        took = time.monotonic() - began
    return states


def look_again(keys: Sequence[uuid.UUID]) -> None:
    """Let go on those of these tasks that are blocked for nothing."""
    most = batch()
    for start in range(0, len(keys), most):
        release_all(blocked_for_nothing(keys[start : start + most]))


def batch() -> int:
    """How many tasks may go on in one transaction."""
    return BATCH_IN_TURNS if _writers_take_turns() else BATCH


def _look_again_at(key: uuid.UUID) -> None:
    if has_seen_an_end(key):
        look_again([key])


def _writers_take_turns() -> bool:
    """Whether one who writes sees all that was written before, and nobody writes meanwhile."""
    return connection.vendor == "sqlite"


def _let_others_write(took: float) -> None:
    """After a transaction that took so many seconds: where writers take turns, the others have had to wait."""
    if took and _writers_take_turns():
        time.sleep(min(took, LONGEST_REST))
