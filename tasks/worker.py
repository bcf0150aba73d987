"""The worker: RQ's, made to tell the truth when somebody dies."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterable
from typing import Any

import redis
from django.conf import settings
from django.db import connections
from rq import Worker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import WorkerStatus

from tasks import cancellation, heavy
from tasks.blocking import unblock
from tasks.heartbeats import Heartbeats
from tasks.horse import Death, Horse
from tasks.intake import Intake, Taken
from tasks.job import job_classes
from tasks.lanes import LANES, queue_names
from tasks.orders import Orders
from tasks.queue import HEARTBEAT_INTERVAL, HEARTBEAT_TTL, RESULT_TTL, QueueAway, connect, workers_alive
from tasks.settle import persistently
from tasks.stable import Stable
from tasks.states import TaskState

logger = logging.getLogger(__name__)

REDIS_PAUSE = 0.5
# Seconds after which a worker that leaves a closed lane alone looks whether it is open again.
LOOK_AGAIN = 1
# A second SIGTERM within this time is the same one, sent by two parents.
SAME_SIGNAL = 1.0
# How long a worker that is told to end waits for Redis to let go of it.
UNBLOCK = 1.0


class NameTaken(Exception):
    """Two workers cannot have one name: commands and tasks would find the wrong one."""


class HubWorker(Heartbeats, Orders, Worker):
    """Runs `run_task(id)`, and nothing else, in a child process (RQ's "work horse").

    - A horse that takes one task after another is kept ready; a task with a process of its own has another one.
    - Its horses die with it; when a horse dies alone, the task is settled with exit code and signal.
    - A stop is told to the horse first; its process group is killed after the job's grace.
    - Redis may be away for any time: what runs runs on, and the worker listens again when it is back.
    - SIGTERM: ends after the task at hand; a second one kills the task, which is settled as such.
    - Orders from `tasks.workers`: `drain` (take no more tasks), `stop` (as SIGTERM), `kill` (at once, with its task).
    """

    def __init__(self, queues: Any, name: str | None = None, **options: Any):
        options.setdefault("serializer", JSONSerializer)
        options.setdefault("job_monitoring_interval", HEARTBEAT_INTERVAL)
        options.setdefault("worker_ttl", HEARTBEAT_INTERVAL + 15)  # RQ blocks for 15 s less
        logging.getLogger("rq.worker").setLevel(logging.WARNING)
        super().__init__(queues, name, **options)
        self.last_cleaned_at = now()
        self._listens = self._interruptible = self._torn = False
        self._stop_asked_at = 0.0
        self._beat_at = 0.0
        self._stable = Stable(self.name)
        self._intake = Intake(self.connection, self.name, self.queue_names(),
                              ttl=HEARTBEAT_TTL + HEARTBEAT_INTERVAL, kept=RESULT_TTL)

    @classmethod
    def of_lanes(cls, lanes: Iterable[str] = LANES, name: str | None = None, node: str = "") -> HubWorker:
        """A worker of these lanes on that node (this one), once Redis answers."""
        node = node or settings.HUB_NODE
        name = name or f"{os.uname().nodename}-{uuid.uuid4().hex[:8]}"
        client = connect(socket_timeout=HEARTBEAT_INTERVAL + 10, name=name)
        complained = False
        while True:
            try:
                client.ping()
                worker = cls(queue_names(lanes, [node]), name, connection=client)
                worker.node = node
                return worker
            except redis.exceptions.RedisError as error:
                if not complained:
                    logger.warning("Waiting for Redis: %s", error)
                complained = True
                time.sleep(REDIS_PAUSE)

    # --- the loop -----------------------------------------------------------------------------------------------------

    def work(self, burst: bool = False, **_: Any) -> bool:
        """Work until told to stop (`burst`: until the queues are empty); returns whether there was anything to do."""
        self._install_signal_handlers()
        # Until the horse listens for it, a stop waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, {cancellation.STOP_SIGNAL})
        job_classes()
        gc.collect()
        gc.freeze()  # horses then share these pages
        worked = complained = False
        try:
            while not self._stop_requested:
                try:
                    self._begin_to_listen()
                    if self.should_run_maintenance_tasks:
                        self.run_maintenance_tasks()
                    taken = self._next_task(burst)
                    complained = False
                    if taken is not None:
                        worked = True
                        self._work_on(taken)
                    elif burst:
                        break
                except StopRequested:
                    break
                except (redis.exceptions.RedisError, QueueAway) as error:
                    if not complained:
                        logger.warning("Worker %s: Redis does not answer (%s); trying again.", self.name, error)
                    complained = True
                    self._beat_at = 0.0  # it may have forgotten this worker
                    time.sleep(REDIS_PAUSE)
        finally:
            self._leave()
        return worked

    def _begin_to_listen(self) -> None:
        if self._listens:
            return
        for other in workers_alive():
            if other.name == self.name and other.pid != self.pid:
                raise NameTaken(f"A worker named {self.name!r} is alive: pid {other.pid} on {other.host}.")
        self.connection.delete(self.key)  # left by one that died, or by this one
        self.register_birth()
        self.subscribe()
        self.set_state(WorkerStatus.IDLE if self._stable.at_work is None else WorkerStatus.BUSY)
        self._listens = True
        logger.info("Worker %s (pid %d) listens.", self.name, self.pid)

    def _next_task(self, burst: bool) -> Taken | None:
        # It may wait here for an interval: then it must have been heard of just before.
        if time.monotonic() >= self._beat_at:
            self.heartbeat()
            self._beat_at = time.monotonic() + HEARTBEAT_INTERVAL / 2
        self._stable.saddle()
        if self._order:  # to take no more tasks
            self._intake.flush()
            if not burst:
                time.sleep(LOOK_AGAIN)
            return None
        taken = self._intake.take()
        if taken is None and not burst:
            found = self._wait()
            taken = None if found is None else self._intake.take(found)
        if taken is not None and (self._order or self._stop_requested):  # which came while it waited for this one
            self._intake.put_back(taken)
            return None
        return taken

    def _wait(self) -> tuple[str, str] | None:
        """Until there is a task; a stop ends the wait."""
        self._interruptible = True
        try:
            if self._stop_requested:  # just before the line above
                return None
            return self._intake.wait(self.dequeue_timeout, LOOK_AGAIN)
        finally:
            self._interruptible = False

    def _leave(self) -> None:
        self._stable.end()
        with contextlib.suppress(redis.exceptions.RedisError):
            self._intake.flush()
            self.teardown()
        connections.close_all()
        logger.info("Worker %s (pid %d) ends.", self.name, self.pid)

    def request_stop(self, signum: int, frame: Any) -> None:
        """SIGTERM, SIGINT: end after the task at hand; again after a second: kill it."""
        if self._torn and self._interruptible:
            raise StopRequested
        if self._stop_requested:
            if time.monotonic() - self._stop_asked_at > SAME_SIGNAL and self._stable.at_work is not None:
                logger.warning("Worker %s: told to end at once; killing its task.", self.name)
                self.kill_horse()
            return
        self._stop_requested, self._stop_asked_at = True, time.monotonic()
        if self._interruptible:
            # Not torn away: what is handed to it at this very moment would be lost until the rescuer finds it.
            threading.Thread(target=self._unblock, daemon=True).start()

    def _unblock(self) -> None:
        if not unblock(self.name, lambda: self._interruptible, UNBLOCK):
            self._torn = True
            os.kill(os.getpid(), signal.SIGTERM)

    def listen_anew(self) -> None:
        """Redis has lost this worker: register and subscribe again."""
        self._listens = False
        self.unsubscribe()
        self._begin_to_listen()

    def pids(self) -> list[int]:
        """Its processes: its own, and its horses'."""
        return [self.pid, *self._stable.pids()]

    def _pubsub_exception_handler(self, exc: Exception, pubsub: Any, pubsub_thread: Any) -> None:
        if not isinstance(exc, (redis.exceptions.RedisError, OSError)):
            logger.error("Worker %s: a command cannot be understood.", self.name, exc_info=exc)
        time.sleep(REDIS_PAUSE)

    # --- one task -----------------------------------------------------------------------------------------------------

    def _work_on(self, taken: Taken) -> None:
        """Give the task to a horse and wait, keep the heartbeats, and settle it when the horse died."""

        def beat() -> None:
            with _unless_away():
                self.heartbeat()
                taken.record.keep()

        horse = self._stable.give(taken.task, own_process=taken.own_process)
        self._state = WorkerStatus.BUSY
        end = horse.wait(beat, HEARTBEAT_INTERVAL)
        self._stable.rest()
        self._state = WorkerStatus.IDLE
        if isinstance(end, Death):
            self._bury(taken, horse, end)
            return
        self._intake.ended(taken, end.state)
        heavy.share(end.heavy)
        if end.why:
            logger.info("Worker %s: a new work horse after %s.", self.name, end.why)

    def _bury(self, taken: Taken, horse: Horse, death: Death) -> None:
        self._intake.ended(taken, TaskState.FAILED)
        try:
            self._intake.flush()  # before the task comes again
        except redis.exceptions.RedisError as error:
            logger.warning("RQ's records were not written: %s", error)
            self._intake.ended(taken, TaskState.QUEUED)  # by then it may have a new record
        persistently(lambda: self._stable.settle(taken.task.task_id, horse, death))
        connections.close_all()

    def stop_task(self, task_id: str) -> None:
        """Tell the horse to stop that task, and have it killed after its grace. Nothing when it runs another. From any
        thread."""
        horse = self._stable.at_work
        if horse is not None:
            horse.ask_to_stop(task_id)

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Kill the horse with its whole process group."""
        horse = self._stable.at_work
        if horse is not None:
            horse.kill()


@contextlib.contextmanager
def _unless_away():
    """RQ's own records are for its dashboard: without Redis they are left out, and the task goes on."""
    try:
        yield
    except redis.exceptions.RedisError as error:
        logger.warning("RQ's records were not written: %s", error)
