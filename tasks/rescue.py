"""The rescuer: finds what a death left behind, and puts it right. Called by `watch` every two seconds.

It compares three things that should agree: the rows, RQ's lists, and the processes. What it sees once may be a moment
between two steps of somebody alive, so it acts on what it still sees a moment later.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
import uuid
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from events.context import acting
from tasks import queue
from tasks.blocked import COLUMNS
from tasks.cancellation import STOP_SIGNAL
from tasks.dependencies import blocked_for_nothing
from tasks.drift.counts import count
from tasks.drift.models import Repair
from tasks.job import Job, job_class
from tasks.models import Attempt, Task
from tasks.moves import move_all
from tasks.nodes.registry import watched_hosts
from tasks.processes import here, is_alive, kill_group
from tasks.pushing import push_all
from tasks.release import release_all
from tasks.settle import died
from tasks.states import TaskState

logger = logging.getLogger(__name__)

# Seconds for which something must have been seen before it is believed.
GONE_HERE = 1.5
# On another host whose watch is dead too, beside the 20 s after which a worker is not heard of any more: 30 s at most
# with the time between two passes. A worker that lives is heard of every 5 s, also after Redis has lost all it had; and
# if it is believed dead while it lives, the next attempt is the fence that it cannot write past.
GONE_ELSEWHERE = 7.0
NOT_QUEUED = 1.5
# Between taking a job and claiming its task a worker forks; on a loaded machine that takes its time.
TAKEN_NOT_CLAIMED = 5.0
# How much longer than its grace the worker has to end a cancelled task, before the rescuer kills it.
KILL_MARGIN = 3.0
# Tasks that are moved or pushed at a time, and rows of which little is read at a time.
BATCH, READ = 250, 2000
# Tasks that are let go on in one pass: there is more to look at, and the next pass goes on.
MOST_RELEASED = 5000


class Rescuer:
    """Remembers from pass to pass since when it has seen what. `only_here`: it looks at tasks of this host alone."""

    def __init__(self, *, only_here: bool = False) -> None:
        self._since: dict[Hashable, float] = {}
        self._seen: set[Hashable] = set()
        self._only_here = only_here
        self._watched: set[str] = set()

    def rescue(self) -> list[str]:
        """One pass; what it did, one sentence each. One task that cannot be rescued does not stop the others."""
        self._seen = set()
        parts = [self._running] if self._only_here else [self._running, self._due, self._blocked, self._queue]
        done = [sentence for part in parts for sentence in self._guarded(part)]
        self._since = {key: since for key, since in self._since.items() if key in self._seen}
        return done

    def _guarded(self, part: Callable[[], Iterator[str]]) -> Iterator[str]:
        try:
            for sentence in part():
                logger.info("%s", sentence)
                yield sentence
        except queue.QueueAway as away:
            logger.info("The queue is not looked at: %s", away)

    def _held(self, key: Hashable, seconds: float) -> bool:
        """Whether this has been seen, without a break, for so long."""
        self._seen.add(key)
        return time.monotonic() - self._since.setdefault(key, time.monotonic()) >= seconds

    # --- running tasks ------------------------------------------------------------------------------------------------

    def _running(self) -> Iterator[str]:
        attempts = Attempt.objects.filter(
            ended_at=None, task__state=TaskState.RUNNING, number=F("task__attempt")
        ).select_related("task")
        if self._only_here:
            attempts = attempts.filter(host=here().host)
        attempts = list(attempts)
        if any(attempt.host != here().host for attempt in attempts):
            self._watched = watched_hosts()
        for attempt in attempts:
            try:
                if self._is_gone(attempt):
                    yield from self._bury(attempt)
                elif attempt.task.cancel_requested:
                    yield from self._press(attempt)
            except Exception:
                logger.exception("Task %s could not be rescued.", attempt.task_id)

    def _is_gone(self, attempt: Attempt) -> bool:
        key = ("gone", attempt.pk)
        place = here()
        if attempt.host == place.host:
            alive = attempt.boot_id == place.boot_id and is_alive(attempt.pid, attempt.pid_started)
            # The worker itself settles it with exit code and signal, if it is alive: it comes first.
            return not alive and self._held(key, GONE_HERE)
        if attempt.host in self._watched:
            return False  # the watch there sees the process itself
        try:
            workers = {worker.name for worker in queue.workers_alive()}
        except queue.QueueAway:
            return False  # then nobody can be heard of
        return attempt.worker not in workers and self._held(key, GONE_ELSEWHERE)

    def _bury(self, attempt: Attempt) -> Iterator[str]:
        if attempt.host == here().host:
            kill_group(attempt.pid, f"HUB_TASK={attempt.task_id}")
            error = "Its process is gone, and so is its worker."
            if attempt.boot_id != here().boot_id:
                error = "The machine was restarted while it ran."
        else:
            error = f"Its worker on {attempt.host} was not heard of any more."
        state = died(attempt, error, via="watch")
        if state is not None:
            count(Repair.Kind.DEAD)
            yield f"Task {attempt.task_id} is {state}: attempt {attempt.number} died. {error}"

    def _press(self, attempt: Attempt) -> Iterator[str]:
        job = job_class(attempt.task.job) or Job
        is_here = attempt.host == here().host
        if self._held(("cancel", attempt.pk), job.cancel_grace + KILL_MARGIN) and is_here:
            if _kill(attempt):
                yield f"Task {attempt.task_id} did not stop and was killed."
        elif self._held(("asked", attempt.pk), GONE_HERE):
            if is_here:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(attempt.pid, STOP_SIGNAL)
            queue.send_stop(attempt.worker, attempt.task_id)

    # --- tasks whose time has come ------------------------------------------------------------------------------------

    def _due(self) -> Iterator[str]:
        due = Task.objects.filter(state=TaskState.SCHEDULED, run_at__lte=timezone.now()).only(*COLUMNS)
        # By the index of what is scheduled; whoever gets one that was moved meanwhile moves nothing.
        while tasks := list(due.order_by("run_at")[:BATCH]):
            with acting(via="watch"), transaction.atomic():
                queued = move_all(tasks, TaskState.QUEUED, sources={TaskState.SCHEDULED}, queued_at=timezone.now())
                transaction.on_commit(partial(push_all, queued))
            if queued:
                yield f"Due, and queued: {len(queued)}."
            if not queued or len(tasks) < BATCH:
                return

    # --- tasks that wait for others -----------------------------------------------------------------------------------

    def _blocked(self) -> Iterator[str]:
        """What ends lets go on what waits for it; this is for ends that nobody saw, and for whom a death cut off."""
        with acting(via="watch"):
            states = release_all(blocked_for_nothing(count=MOST_RELEASED))
        for state, number in sorted(Counter(states.values()).items()):
            yield f"Blocked with nothing left to wait for: {number}, now {state}."

    # --- the queue ----------------------------------------------------------------------------------------------------

    def _queue(self) -> Iterator[str]:
        known, queued = queue.known(), set()
        lost: list[uuid.UUID] = []
        waiting = Task.objects.filter(state=TaskState.QUEUED, held=False).order_by("id")
        for key, attempt in waiting.values_list("pk", "attempt").iterator(chunk_size=READ):
            job_id = str(key)
            queued.add(job_id)
            if job_id in known.waiting:
                continue
            patience = TAKEN_NOT_CLAIMED if job_id in known.taken else NOT_QUEUED
            if self._held(("lost", job_id, attempt), patience):
                lost.append(key)
        pushed = sum(self._push(lost[start : start + BATCH]) for start in range(0, len(lost), BATCH))
        if pushed:
            count(Repair.Kind.LOST, pushed)
            yield f"Put {pushed} waiting tasks on the queue, which it had lost."
        strays = self._without_task(known.waiting - queued)
        if strays:
            queue.drop(strays)
            count(Repair.Kind.STRAY, len(strays))
            yield f"Dropped {len(strays)} jobs from the queue that belong to no waiting task."

    def _push(self, keys: Sequence[uuid.UUID]) -> int:
        tasks = list(Task.objects.filter(pk__in=keys, state=TaskState.QUEUED, held=False).only(*COLUMNS).order_by("id"))
        if not push_all(tasks):
            return 0
        for task in tasks:
            self._since["lost", str(task.pk), task.attempt] = time.monotonic()
        return len(tasks)

    def _without_task(self, job_ids: frozenset[str]) -> list[str]:
        """Of ids on the lists without a queued task, those that stay so: ended, removed, or never a task."""
        if not job_ids:
            return []
        keys = {}
        for job_id in job_ids:
            try:
                keys[job_id] = uuid.UUID(job_id)
            except ValueError:
                keys[job_id] = None
        asked, active = [key for key in keys.values() if key], set()
        for start in range(0, len(asked), READ):
            active |= set(
                Task.objects.filter(pk__in=asked[start : start + READ])
                .filter(state__in=[TaskState.QUEUED, TaskState.RUNNING]).values_list("pk", flat=True)
            )  # fmt: skip
        strays = [job_id for job_id, key in keys.items() if key not in active]
        return [job_id for job_id in strays if self._held(("stray", job_id), NOT_QUEUED)]


def _kill(attempt: Attempt) -> bool:
    """Kill the process group of a running attempt: what it started would otherwise go on without it.

    The process may have ended the task by now and have another. So it is frozen first: then the row says for certain.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(attempt.pid, signal.SIGSTOP)
        is_at_it = Attempt.objects.filter(pk=attempt.pk, ended_at=None).exists()
        os.killpg(attempt.pid, signal.SIGKILL if is_at_it else signal.SIGCONT)
        return is_at_it
    return False


_rescuer, _local_rescuer = Rescuer(), Rescuer(only_here=True)


def rescue() -> list[str]:
    """One pass of this process's rescuer; what it did, one sentence each."""
    return _rescuer.rescue()


def rescue_here() -> list[str]:
    """One pass over the tasks of this host, whose processes only its own watch can see; what it did."""
    return _local_rescuer.rescue()
