"""The worker: RQ's, made to tell the truth when somebody dies."""

from __future__ import annotations

import contextlib
import gc
import json
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
from rq import Queue, Worker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import WorkerStatus

from tasks import cancellation, closings
from tasks.blocking import unblock
from tasks.heartbeats import Heartbeats
from tasks.horse import Death, Horse, HorseGone
from tasks.job import job_classes
from tasks.lanes import LANES, lane_of, queue_names
from tasks.line import Assignment
from tasks.models import Attempt, Task
from tasks.queue import (
    ENTRY_POINT,
    HEARTBEAT_INTERVAL,
    HEARTBEAT_TTL,
    ORDERS,
    RESULT_TTL,
    QueueAway,
    connect,
    workers_alive,
)
from tasks.records import Record
from tasks.settle import died, persistently, push
from tasks.shift import Shift
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


class HubWorker(Heartbeats, Worker):
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
        self._order = ""
        self._beat_at = 0.0
        self._horse: Horse | None = None  # the one that has a task
        self._ready: Horse | None = None  # the one for many tasks

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
                    found = self._next_job(burst)
                    complained = False
                    if found is not None and (self._order or self._stop_requested):  # told while it waited for this one
                        job, origin = found
                        origin.push_job_id(job.id, at_front=True)
                    elif found is not None:
                        worked = True
                        self.execute_job(*found)
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
        self.set_state(WorkerStatus.IDLE if self._horse is None else WorkerStatus.BUSY)
        self._listens = True
        logger.info("Worker %s (pid %d) listens.", self.name, self.pid)

    def _next_job(self, burst: bool) -> tuple[RqJob, Queue] | None:
        if self.get_state() != WorkerStatus.IDLE:
            self.set_state(WorkerStatus.IDLE)
        # It may wait here for an interval: then it must have been heard of just before.
        if time.monotonic() >= self._beat_at:
            self.heartbeat()
            self._beat_at = time.monotonic() + HEARTBEAT_INTERVAL / 2
        self._saddle()
        try:
            closed = closings.closed(self.connection)
            queues = [queue for queue in self._ordered_queues if lane_of(queue.name) not in closed]
            self._interruptible = True
            if self._stop_requested:  # just before the line above
                return None
            if not queues or self._order:
                return self._rest(burst)
            patience = self.dequeue_timeout if len(queues) == len(self._ordered_queues) else LOOK_AGAIN
            return self.queue_class.dequeue_any(
                queues, None if burst else patience, connection=self.connection,
                job_class=self.job_class, serializer=self.serializer, death_penalty_class=self.death_penalty_class,
            )  # fmt: skip
        except DequeueTimeout:
            return None
        except (StopRequested, redis.exceptions.RedisError):
            raise
        except Exception:
            # Whatever was in that record, it was not ours: RQ has taken it off the list already.
            logger.exception("Worker %s: a job in the queue cannot be read and is dropped.", self.name)
            return None
        finally:
            self._interruptible = False

    def _rest(self, burst: bool) -> None:
        """All lanes are closed, or it is to take no more tasks. RQ's lists need not be asked for a moment."""
        if not burst:
            time.sleep(LOOK_AGAIN)

    def _leave(self) -> None:
        if self._ready is not None:
            self._ready.end()
        with contextlib.suppress(redis.exceptions.RedisError):
            self.teardown()
        connections.close_all()
        logger.info("Worker %s (pid %d) ends.", self.name, self.pid)

    def request_stop(self, signum: int, frame: Any) -> None:
        """SIGTERM, SIGINT: end after the task at hand; again after a second: kill it."""
        if self._torn and self._interruptible:
            raise StopRequested
        if self._stop_requested:
            if time.monotonic() - self._stop_asked_at > SAME_SIGNAL and self._horse is not None:
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
        return [self.pid, *{horse.pid for horse in (self._horse, self._ready) if horse is not None}]

    def order(self) -> str:
        """What it was told to do, in the words of its record; empty when it works as usual."""
        return ORDERS.get(self._order, "")

    def _pubsub_exception_handler(self, exc: Exception, pubsub: Any, pubsub_thread: Any) -> None:
        if not isinstance(exc, (redis.exceptions.RedisError, OSError)):
            logger.error("Worker %s: a command cannot be understood.", self.name, exc_info=exc)
        time.sleep(REDIS_PAUSE)

    # --- one task -----------------------------------------------------------------------------------------------------

    def execute_job(self, job: RqJob, queue: Queue) -> None:
        """Run one task in a horse, when the job is one of Hub's."""
        if not _is_ours(job):
            logger.error("Worker %s: job %s asks for something else than a task and is dropped.", self.name, job.id)
            self.connection.delete(job.key)
            return
        meta = job.meta
        grace = float(meta.get("grace", 0))
        task = Assignment(job.id, job.timeout, float(meta.get("hard", job.timeout + grace)), grace)
        horse = self._give(task, own_process=bool(meta.get("own_process")))
        self._horse, self._horse_pid = horse, horse.pid
        self._has(job, queue.name, horse)
        self._horse, self._horse_pid = None, 0

    def _give(self, task: Assignment, *, own_process: bool) -> Horse:
        """The horse that has begun with the task."""
        while True:
            horse = self._fork(single=True) if own_process else self._saddle()
            try:
                horse.assign(task)
            except HorseGone:  # while it waited: for lack of memory, or killed by hand
                continue
            return horse

    def _saddle(self) -> Horse:
        """The horse for many tasks, forked anew when it has ended."""
        if self._ready is None or not self._ready.is_alive:
            if self._ready is not None:
                self._ready.end()
            self._ready = self._fork(single=False)
        return self._ready

    def _fork(self, *, single: bool) -> Horse:
        connections.close_all()  # a connection must not be shared with the horse
        return Horse.fork(lambda line: Shift(line, self.name, single=single).work())

    def _has(self, job: RqJob, queue: str, horse: Horse) -> None:
        """Wait for the horse, keep the heartbeats, and settle its task when it died."""
        record = Record(self.connection, self.name, queue, job.id, ttl=HEARTBEAT_TTL + HEARTBEAT_INTERVAL,
                        kept=RESULT_TTL)

        def beat() -> None:
            with _unless_away():
                self.heartbeat()
                record.keep()

        self._state = WorkerStatus.BUSY
        with _unless_away():
            record.begin()
        end = horse.wait(beat, HEARTBEAT_INTERVAL)
        is_dead = isinstance(end, Death)
        with _unless_away():
            record.end(TaskState.FAILED if is_dead else end.state)
            self._state = WorkerStatus.IDLE
        if is_dead:
            persistently(lambda: self._settle(job, horse, end))
            connections.close_all()
        elif end.why:
            logger.info("Worker %s: a new work horse after %s.", self.name, end.why)

    def _settle(self, job: RqJob, horse: Horse, death: Death) -> None:
        attempt = Attempt.objects.filter(task_id=job.id, worker=self.name, pid=horse.pid, ended_at=None).first()
        if attempt is not None:
            died(attempt, death.reason, exit_code=death.exit_code, signal=death.signal, again=death.may_run_again)
            return
        # It died before it took the task, or after it had settled it. When that was while it waited, the task is not
        # to blame, and comes again; else the rescuer finds it.
        task = Task.objects.filter(pk=job.id, state=TaskState.QUEUED).first() if horse.tasks > 1 else None
        if task is not None:
            push(task)

    # --- stopping a task ----------------------------------------------------------------------------------------------

    def handle_payload(self, message: dict[str, Any]) -> None:
        """A command from RQ's channel (in a thread): `stop-job` is told to the horse, which may tidy up."""
        with contextlib.suppress(ValueError):
            command = json.loads(message["data"])
            if command.get("command") in ("stop-job", "stop-execution"):
                self.stop_task(str(command.get("job_id")))
                return
            if (order := str(command.get("command")).removeprefix("hub-")) in ORDERS:
                self._obey(order)
                return
        super().handle_payload(message)

    def _obey(self, order: str) -> None:
        """In the thread of commands: what is asked for a second time is done already."""
        logger.info("Worker %s: told to %s.", self.name, order)
        if order == "drain" and self._order:
            return
        self._order = order
        with _unless_away():
            self.connection.hset(self.key, "order", ORDERS[order])
        if order == "drain":  # one that waits for a task just now gives that back
            return
        if not self._stop_requested:
            os.kill(os.getpid(), signal.SIGTERM)  # from a thread: Python's handlers run in the main thread
        if order == "kill":
            self.kill_horse()

    def stop_task(self, task_id: str) -> None:
        """Tell the horse to stop that task, and have it killed after its grace. Nothing when it runs another."""
        horse = self._horse
        if horse is not None:
            horse.ask_to_stop(task_id)

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        """Kill the horse with its whole process group."""
        if self._horse is not None:
            self._horse.kill()


def _is_ours(job: RqJob) -> bool:
    try:
        return job.func_name == ENTRY_POINT and list(job.args) == [job.id] and not job.kwargs and job.timeout > 0
    except Exception:  # noqa: BLE001 - unreadable in whatever way
        return False


@contextlib.contextmanager
def _unless_away():
    """RQ's own records are for its dashboard: without Redis they are left out, and the task goes on."""
    try:
        yield
    except redis.exceptions.RedisError as error:
        logger.warning("RQ's records were not written: %s", error)
