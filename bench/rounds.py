"""`python -m bench.rounds ROUNDS TASKS [PEERS]`: the measurements behind `bench.tasks`, on the database of
DATABASE_URL; PEERS is the interpreter that has Celery, Dramatiq and Huey. Prints them as one line of JSON."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from django.db import transaction
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from bench import apart  # first: it sets Django up
from bench.figures import p95
from bench.noop import noop
from bench.peers import PEERS
from tasks import queue
from tasks.actions import enqueue
from tasks.models import Attempt, Task
from tasks.processes import memory
from tasks.tests.messy.jobs import Nothing

WORKERS = 2
# What only the first tasks cost is not counted.
WARM = 20
ENQUEUES, PICK_UPS = 200, 60


def main(rounds: int, tasks: int, peers: Path | None) -> dict[str, Any]:
    """`{"hub", "rq", each peer: {"rates": [tasks/s], "cpu": [ms a task], "enqueue": s}, "pick_up", "memory"}`."""
    names = ["hub", "rq", *(peer.name for peer in PEERS if peers is not None)]
    seen: dict[str, Any] = {name: {"rates": [], "cpu": []} for name in names}
    with apart.hub() as hub:
        client = hub.redis.client()
        bare = Queue("bare", connection=client, serializer=JSONSerializer)
        times = {"hub": [], "rq": []}
        for _ in range(ENQUEUES):  # in turns, so that a busy moment meets both
            times["hub"].append(_seconds(_enqueue))
            times["rq"].append(_seconds(lambda: bare.enqueue(noop)))
        for name, values in times.items():
            seen[name]["enqueue"] = p95(values[WARM:])
        Task.objects.all().delete()
        client.flushall()
        with _workers(hub.environ):
            _drain(WARM)
            seen["pick_up"], seen["memory"] = _pick_ups(), _memory()
        for _ in range(rounds):
            with _workers(hub.environ) as pids:
                _drain(WARM)
                _add(seen["hub"], *_drain(tasks, [*pids, hub.redis.pid]))
            _add(seen["rq"], *_bare(hub.environ, bare, client, tasks, hub.redis.pid))
            for peer in PEERS if peers is not None else ():
                seen[peer.name]["enqueue"] = p95(peer.enqueue(peers, hub.redis.socket))
                seen[peer.name]["rates"].append(peer.rate(peers, hub.redis.socket, _until))
    return seen


def _add(seen: dict[str, list[float]], rate: float, cpu: float) -> None:
    seen["rates"].append(rate)
    seen["cpu"].append(cpu)


def _enqueue() -> Task:
    return enqueue(Nothing, {})


def _seconds(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _spent(pids: list[int]) -> float:
    """Seconds of processor time of these processes and all that came from them."""
    spent = 0.0
    for pid in pids:
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # it has just ended: then it counts for its parent
                spent += sum(process.cpu_times()[:4])
    return spent


@contextmanager
def _workers(environ: dict[str, str]) -> Iterator[list[int]]:
    """The pids of two of Hub's workers that wait for tasks."""
    environ = {**environ, "DJANGO_SETTINGS_MODULE": "bench.worker_settings"}
    names = [f"bench-{os.getpid()}-{number}" for number in range(WORKERS)]
    processes = [subprocess.Popen([sys.executable, "manage.py", "worker", "--name", name], env=environ,
                                  stderr=subprocess.DEVNULL) for name in names]
    try:
        _until(lambda: {worker.name for worker in queue.workers_alive()} >= set(names))
        yield [process.pid for process in processes]
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


def _drain(number: int, pids: list[int] = ()) -> tuple[float, float]:
    """Tasks a second from the first start to the last end, all of them waiting when the first begins, and milliseconds
    of these processes for each."""
    with transaction.atomic():  # they come to the queue together
        tasks = [_enqueue() for _ in range(number)]
    pushed, before = time.time(), _spent(pids)
    started = Attempt.objects.filter(task__gte=tasks[0].pk).count()
    _until(lambda: not Task.objects.filter(pk__gte=tasks[0].pk, finished_at=None).exists(), 0.1)
    cpu = _spent(pids) - before
    after = [attempt for attempt in Attempt.objects.filter(task__gte=tasks[0].pk).order_by("started_at")
             if attempt.started_at.timestamp() > pushed]
    seconds = (max(attempt.ended_at for attempt in after) - after[0].started_at).total_seconds()
    return len(after) / seconds, 1000 * cpu / (number - started)


def _bare(environ: dict[str, str], bare: Queue, client: Redis, tasks: int, redis: int) -> tuple[float, float]:
    """The same for RQ's own pool of two forking workers, which writes to no database."""
    for _ in range(tasks + WARM):
        bare.enqueue(noop)
    command = [sys.executable, "-m", "bench.noop", str(WORKERS), client.connection_pool.connection_kwargs["path"]]
    pool = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: client.llen(bare.key) <= tasks, 0.01)
        began, left, before = time.perf_counter(), client.llen(bare.key), _spent([pool.pid, redis])
        _until(lambda: not client.llen(bare.key), 0.01)
        seconds, cpu = time.perf_counter() - began, _spent([pool.pid, redis]) - before
        return left / seconds, 1000 * cpu / left
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
    return p95(values)


def _memory() -> float:
    """Bytes of an idle worker with its horse; pages that processes share are counted in proportion."""
    return statistics.mean(
        memory(worker.pid) + sum(map(memory, _children(worker.pid))) for worker in queue.workers_alive()
    )


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)))
