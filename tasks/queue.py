"""The queue: RQ's lists say which task to look at next. The database is the truth; all here can be lost and rebuilt."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import redis
from django.conf import settings
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from rq import Queue
from rq.command import PUBSUB_CHANNEL_TEMPLATE, send_command
from rq.job import Job as RqJob
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

from tasks.lanes import LOWEST, OVERDUE, queue_name, queue_names
from tasks.models import Task
from tasks.nodes.models import Node
from tasks.processes import here, is_alive

logger = logging.getLogger(__name__)

ENTRY_POINT = "tasks.runner.run_task"
# RQ's own records are only for its dashboard: history lives in the database.
RESULT_TTL = FAILURE_TTL = 300
# A worker that has not been heard of for so long is dead.
HEARTBEAT_INTERVAL = 5
HEARTBEAT_TTL = 20


# KEYS: where to, the job's record, and all lists where it may be; ARGV: its id, and the name of its new queue.
# The oldest are looked for, and these are at the front: LREM finds them at once.
REQUEUE = """
for place = 3, #KEYS do
  if redis.call("LREM", KEYS[place], 1, ARGV[1]) > 0 then
    redis.call("RPUSH", KEYS[1], ARGV[1])
    redis.call("HSET", KEYS[2], "origin", ARGV[2])
    return 1
  end
end
return 0
"""


# What RQ calls the states of a worker; while it has an order to end, that is its state.
STATES = {"idle": "idle", "busy": "busy"}
# Orders to a worker, and the state it then is in.
ORDERS = {"drain": "draining", "stop": "stopping", "kill": "stopping"}


class QueueAway(Exception):
    """Redis does not answer. Nothing is lost: what waits is pushed again when it is back."""


# What a worker's record holds of which `WorkerInfo` is made.
RECORDED = ("last_heartbeat", "birth", "death", "pid", "pid_began", "host", "boot_id", "hostname", "node", "lanes",
            "hub_version", "order", "state", "memory", "successful_job_count", "failed_job_count", "total_working_time")
# All records as one text that Redis makes: of a thousand workers its client would have to read many thousand pieces.
RECORDS = """
local found = {}
for place, key in ipairs(redis.call('SMEMBERS', 'rq:workers')) do
    found[place] = {key, redis.call('SRANDMEMBER', key .. ':executions') or '', redis.call('HMGET', key, unpack(ARGV))}
end
return cjson.encode(found)
"""


class Terms(NamedTuple):
    """On what terms a task runs: `timeout`: seconds until it is told to end, `hard` until it is killed; `grace`:
    seconds that it has after a cancel. `own_process`: the worker forks a process for it alone."""

    timeout: float
    hard: float
    grace: float
    own_process: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What RQ knows: the ids on its lists, and the ids that a worker has taken from them."""

    waiting: frozenset[str]
    taken: frozenset[str]


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A live worker. `state` is starting, idle, busy, draining or stopping; `task` the id of what it works on, empty
    when idle; `heartbeat_age` in seconds, `memory` in bytes, with that of its work horse; `worked`: seconds that it
    was at work on the tasks that have ended."""

    name: str
    host: str
    pid: int
    node: str
    lanes: tuple[str, ...]
    version: str
    state: str
    task: str
    heartbeat_age: float
    memory: int
    succeeded: int
    failed: int
    started_at: datetime | None
    worked: float = 0.0


@cache
def connection() -> redis.Redis:
    """The client of everything but workers: a request never hangs on a Redis that is away."""
    return connect(socket_timeout=3)


def connect(socket_timeout: float, name: str | None = None) -> redis.Redis:
    """A client of the settings' Redis, known to it by a name, that gives up after one quick second try."""
    return redis.Redis.from_url(
        settings.REDIS_URL, retry=Retry(ConstantBackoff(0.05), 1), socket_timeout=socket_timeout,
        socket_connect_timeout=2, client_name=name,
    )


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """What does not reach Redis in this block raises QueueAway."""
    try:
        yield
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
        raise QueueAway(f"Redis does not answer: {error}") from error


@cache
def _queue(name: str) -> Queue:
    return Queue(name, connection=connection(), serializer=JSONSerializer)


def push(tasks: Sequence[tuple[Task, Terms]], *, first: bool = False) -> bool:
    """Put tasks on their queues in this order, in one trip; again is harmless, for only one claim succeeds. False when
    Redis is away. `first`: before those that wait there."""
    try:
        with answering(), connection().pipeline() as pipeline:
            for task, terms in tasks:
                _add(pipeline, task, terms, first)
            pipeline.execute()
    except QueueAway as away:
        logger.warning("%d tasks, such as %s, wait until Redis is back: %s", len(tasks), tasks[0][0].pk, away)
        return False
    return True


def _add(pipeline: redis.client.Pipeline, task: Task, terms: Terms, first: bool) -> None:
    queue, job_id = _queue(task.queue), str(task.pk)
    meta = {"grace": terms.grace, "hard": terms.hard, "own_process": terms.own_process}
    queue.enqueue_call(
        ENTRY_POINT, args=(job_id,), job_id=job_id, description=task.title, timeout=math.ceil(terms.timeout),
        result_ttl=RESULT_TTL, failure_ttl=FAILURE_TTL, meta=meta, at_front=first, pipeline=pipeline,
    )  # fmt: skip
    # What an earlier attempt left under this id has a time to live, which the new record would inherit.
    pipeline.persist(RqJob.key_for(job_id))
    pipeline.zrem(FailedJobRegistry(queue=queue).key, job_id)


def pull_back(task: Task) -> bool:
    """Take a waiting task off its queue. False when Redis is away: then the claim refuses it."""
    try:
        drop([str(task.pk)], [task.queue])
    except QueueAway as away:
        logger.warning("Task %s stays in the queue, where it will be refused: %s", task.pk, away)
        return False
    return True


def drop(job_ids: Iterable[str], names: Iterable[str] | None = None) -> None:
    """Remove these jobs from the queues (all, or those named). Raises QueueAway."""
    queues = [_queue(name) for name in (_every_name() if names is None else names)]
    with answering(), connection().pipeline() as pipeline:
        for job_id in job_ids:
            for queue in queues:
                pipeline.lrem(queue.key, 0, job_id)
            pipeline.delete(RqJob.key_for(job_id))
        pipeline.execute()


def requeue(tasks: Iterable[Task]) -> bool:
    """Move tasks to the queues of the ranks that they have now, in this order. What is on no queue of its lane stays
    so: a worker has just taken it, or the rescuer is to push it. False when Redis is away: they stay where they are."""
    try:
        with answering(), connection().pipeline() as pipeline:
            for task in tasks:
                # The ranks below its own first: there it is, unless its priority was lowered.
                ranks = sorted(range(LOWEST, OVERDUE + 1), key=lambda rank: (rank > task.rank, -rank))
                keys = [_queue(queue_name(task.lane, rank, task.node)).key for rank in ranks if rank != task.rank]
                pipeline.eval(REQUEUE, len(keys) + 2, _queue(task.queue).key, RqJob.key_for(str(task.pk)), *keys,
                              str(task.pk), task.queue)
            pipeline.execute()
    except QueueAway as away:
        logger.warning("Tasks keep their places in the queue: %s", away)
        return False
    return True


def _every_name() -> list[str]:
    """The queues that any task may be on: those of every worker, and those of each node."""
    nodes = {settings.HUB_NODE, *Node.objects.values_list("name", flat=True)}
    return queue_names(nodes=sorted(nodes))


def lasting_records() -> set[str]:
    """The ids of the jobs of which Redis keeps a record without a time to live, as it does while they wait or run; what
    has ended has one. Raises QueueAway."""
    prefix = RqJob.key_for("")
    with answering():
        found = (key.decode(errors="replace") for key in connection().scan_iter(match=f"{prefix}*", count=1000))
        keys = [key for key in found if ":" not in key.removeprefix(prefix)]
        with connection().pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.ttl(key)
            lives = pipeline.execute()
    return {key.removeprefix(prefix) for key, life in zip(keys, lives, strict=True) if life == -1}


def send_stop(worker: str, task_id: uuid.UUID) -> bool:
    """Tell a worker to stop that task. Nobody says whether it heard: ask again until the task has ended."""
    try:
        with answering():
            send_command(connection(), worker, "stop-job", job_id=str(task_id))
    except QueueAway as away:
        logger.warning("Worker %s was not told to stop %s: %s", worker, task_id, away)
        return False
    return True


def send_order(worker: str, order: str) -> bool:
    """Tell a worker to `drain`, `stop` or `kill` (see `tasks.worker`); whether it heard. Raises QueueAway."""
    with answering():
        client, message = connection(), json.dumps({"command": f"hub-{order}"})
        heard = bool(client.publish(PUBSUB_CHANNEL_TEMPLATE % worker, message))
        if heard:  # the worker writes it too, but may take a moment
            client.hset(f"rq:worker:{worker}", "order", ORDERS[order])
    return heard


def known() -> Known:
    """What RQ has on its lists and in its workers' hands, at one moment. Raises QueueAway."""
    queues = [_queue(name) for name in _every_name()]
    with answering(), connection().pipeline() as pipeline:
        for queue in queues:
            pipeline.lrange(queue.key, 0, -1)
        for queue in queues:
            pipeline.zrange(StartedJobRegistry(queue=queue).key, 0, -1)
        answers = pipeline.execute()
    waiting, taken = answers[: len(queues)], answers[len(queues) :]
    return Known(
        frozenset(job_id.decode(errors="replace") for ids in waiting for job_id in ids),
        # Members are `<job id>:<execution id>`.
        frozenset(member.decode(errors="replace").partition(":")[0] for members in taken for member in members),
    )


def workers_alive() -> list[WorkerInfo]:
    """The workers that were heard of in the last seconds and, on this host, whose process runs. Raises QueueAway."""
    with answering():
        found = json.loads(connection().eval(RECORDS, 0, *RECORDED))
    records = sorted((key.removeprefix("rq:worker:"), execution, values) for key, execution, values in found)
    known = (_worker_info(name, {field: value for field, value in zip(RECORDED, values, strict=True) if value},
                          execution) for name, execution, values in records)
    return [worker for worker in known if worker is not None]


def _worker_info(name: str, data: dict[str, str], execution: str) -> WorkerInfo | None:
    if "last_heartbeat" not in data or "birth" not in data or "death" in data:
        return None
    age = (datetime.now(UTC) - _time(data["last_heartbeat"])).total_seconds()
    place, pid = here(), int(data["pid"])
    # On this host the process itself can be asked; a worker without its process is dead, whatever Redis says.
    is_here = data.get("host") == place.host
    is_gone = is_here and not (data.get("boot_id") == place.boot_id and is_alive(pid, int(data["pid_began"])))
    if is_gone or age > HEARTBEAT_TTL:
        return None
    return WorkerInfo(
        name=name,
        host=data.get("hostname", ""),
        pid=pid,
        node=data.get("node", ""),
        lanes=tuple(json.loads(data.get("lanes", "[]"))),
        version=data.get("hub_version", ""),
        state=data.get("order") or STATES.get(data.get("state", ""), "starting"),
        task=execution.partition(":")[0],
        heartbeat_age=max(age, 0.0),
        memory=int(data.get("memory", 0)),
        succeeded=int(data.get("successful_job_count", 0)),
        failed=int(data.get("failed_job_count", 0)),
        started_at=_time(data["birth"]),
        worked=float(data.get("total_working_time", 0)),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def ping() -> bool:
    """Whether Redis answers."""
    try:
        with answering():
            return bool(connection().ping())
    except QueueAway:
        return False


