"""`python -m bench.rounds ROUNDS`: the measurements behind `bench.tasks`, on the database of DATABASE_URL; prints them
as one line of JSON."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from bench import apart  # first: it sets Django up
from bench.noop import noop
from tasks import queue
from tasks.actions import enqueue
from tasks.models import Attempt, Task
from tasks.processes import memory
from tasks.tests.messy.jobs import Nothing

TASKS, WORKERS = 200, 2
ENQUEUES, PICK_UPS = 100, 60


def main(rounds: int) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"hub": [], "rq": []}
    with apart.hub() as hub:
        bare = Queue("bare", connection=hub.redis.client(), serializer=JSONSerializer)
        enqueues = {"hub": _timed(_enqueue), "rq": _timed(lambda: bare.enqueue(noop))}
        Task.objects.all().delete()
        hub.redis.client().flushall()
        with _workers(hub.environ):
            _drain(20)  # what only the first tasks cost
            pick_ups, size = _pick_ups(), _memory()
        for _ in range(rounds):
            with _workers(hub.environ):
                _drain(20)
                rates["hub"].append(_drain(TASKS))
            rates["rq"].append(_bare(hub.environ, bare, hub.redis.client()))
    return {
        "hub_rate": statistics.median(rates["hub"]), "rq_rate": statistics.median(rates["rq"]),
        "hub_enqueue": enqueues["hub"], "rq_enqueue": enqueues["rq"], "pick_up": pick_ups, "memory": size,
        "rates": rates,
    }  # fmt: skip


def _enqueue() -> Task:
    return enqueue(Nothing, {})


def _p95(values: list[float]) -> float:
    return sorted(values)[-(-len(values) * 95 // 100) - 1]


def _timed(act: Callable[[], Any]) -> float:
    """The p95 of its seconds, after a few that do not count."""
    values = []
    for number in range(ENQUEUES + 10):
        began = time.perf_counter()
        act()
        if number >= 10:
            values.append(time.perf_counter() - began)
    return _p95(values)


@contextmanager
def _workers(environ: dict[str, str]) -> Iterator[None]:
    """Two of Hub's workers that wait for tasks."""
    environ = {**environ, "DJANGO_SETTINGS_MODULE": "tasks.tests.settings"}
    names = [f"bench-{os.getpid()}-{number}" for number in range(WORKERS)]
    processes = [subprocess.Popen([sys.executable, "manage.py", "worker", "--name", name], env=environ,
                                  stderr=subprocess.DEVNULL) for name in names]
    try:
        _until(lambda: {worker.name for worker in queue.workers_alive()} >= set(names))
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _until(holds: Callable[[], bool], pause: float = 0.05, patience: float = 120.0) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("The tasks, or the workers, are not ready.")
        time.sleep(pause)


def _drain(number: int) -> float:
    """Tasks a second, from the first start to the last end: they wait on a queue when the first begins."""
    tasks = [_enqueue() for _ in range(number)]
    ids = [task.pk for task in tasks]
    _until(lambda: not Task.objects.filter(pk__gte=ids[0], finished_at=None).exists())
    done = Attempt.objects.filter(task__in=ids).order_by("started_at")
    # While they are put on the queue the workers are at it already: only what comes after counts.
    after = [attempt for attempt in done if attempt.started_at > tasks[-1].created_at]
    seconds = (max(attempt.ended_at for attempt in after) - after[0].started_at).total_seconds()
    return len(after) / seconds


def _bare(environ: dict[str, str], bare: Queue, client: Redis) -> float:
    """The same for RQ's own pool of two forking workers, which writes to no database."""
    for _ in range(TASKS + 20):
        bare.enqueue(noop)
    command = [sys.executable, "-m", "bench.noop", str(WORKERS), client.connection_pool.connection_kwargs["path"]]
    pool = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: client.llen(bare.key) <= TASKS, 0.01)
        began, left = time.perf_counter(), client.llen(bare.key)
        _until(lambda: not client.llen(bare.key), 0.01)
        return left / (time.perf_counter() - began)
    finally:
        pool.terminate()
        pool.wait()


def _pick_ups() -> float:
    """p95 of the seconds from the end of an enqueue until a worker that waits has the task."""
    values = []
    for _ in range(PICK_UPS):
        task = _enqueue()
        pushed = time.time()
        _until(lambda key=task.pk: not Task.objects.filter(pk=key, finished_at=None).exists())
        values.append(max(task.attempts.get().started_at.timestamp() - pushed, 0.0))
        time.sleep(0.05)
    return _p95(values)


def _memory() -> float:
    """Bytes of an idle worker with its horse; pages that processes share are counted in proportion."""
    return statistics.mean(
        memory(worker.pid) + sum(map(memory, _children(worker.pid))) for worker in queue.workers_alive()
    )


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))))
