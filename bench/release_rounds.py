"""`python -m bench.release_rounds DEPENDENTS ENQUEUES`: the measurements behind `bench.release`, on the database of
DATABASE_URL. Prints them as one line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench import apart  # first: it sets Django up
from tasks import queue
from tasks.actions import enqueue
from tasks.models import Dependency, Task
from tasks.rescue import Rescuer
from tasks.runner import claim
from tasks.settle import Ending, settle
from tasks.tests.messy.jobs import Nothing

# As `watch` does.
PASS_EVERY = 2.0
POLL = 0.02
NEEDS = 10


def main(number: int, enqueues: int) -> dict[str, Any]:
    """`{"enqueue": {way: [seconds]}, "shapes": {name: {"seconds", "cpu", "beside": [seconds]}}}`."""
    with apart.hub() as hub:
        return {"enqueue": _enqueues(enqueues), "shapes": {
            name: _release(hub, ending, needs, number) for name, (ending, needs) in SHAPES.items()
        }}  # fmt: skip


def _fan(place: int) -> int:
    return 0


def _chain(place: int) -> int:
    return place - 1


# How the first task ends, and which one each of the others waits for.
SHAPES: dict[str, tuple[str, Callable[[int], int]]] = {
    "released": ("succeeded", _fan), "skipped": ("failed", _fan), "skipped in a chain": ("failed", _chain),
}


def _enqueues(number: int) -> dict[str, list[float]]:
    needs = [enqueue(Nothing, {}) for _ in range(NEEDS)]
    ways: dict[str, list[Task]] = {"plain": [], "after one": needs[:1], f"after {NEEDS}": needs}
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(number):  # in turns, so that a busy moment meets all
        for name, depends_on in ways.items():
            began = time.perf_counter()
            enqueue(Nothing, {}, depends_on=depends_on)
            seen[name].append(time.perf_counter() - began)
    return seen


def _release(hub: apart.Apart, ending: str, needs: Callable[[int], int], number: int) -> dict[str, Any]:
    """Seconds from the end of the first task until nothing is blocked and all that go on are on a queue; of these the
    processor time of who ended it; and what enqueues of another process took meanwhile."""
    hub.empty()
    first = enqueue(Nothing, {})
    tasks = [first, *(Task(job=Nothing.name, title=f"Dependent {place}", actor="bench", state="blocked", queued_at=None)
                      for place in range(number))]  # fmt: skip
    Task.objects.bulk_create(tasks[1:], batch_size=500)
    Dependency.objects.bulk_create([Dependency(task=tasks[place], needs=tasks[needs(place)])
                                    for place in range(1, number + 1)], batch_size=500)
    keys = {str(task.pk) for task in tasks[1:]} if ending == "succeeded" else set()
    attempt = claim(first.pk, "bench")
    end = Ending(attempt=1, error="" if ending == "succeeded" else "No.")
    with _watched(), _beside(hub) as times:
        began, spent = time.perf_counter(), time.thread_time()
        settle(attempt.task, ending, end)
        spent = time.thread_time() - spent
        while Task.objects.filter(state="blocked").exists() or not keys <= queue.known().waiting:
            time.sleep(POLL)
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "cpu": spent, "beside": times}


@contextmanager
def _watched() -> Iterator[None]:
    """With passes of the rescuer in another thread."""
    over, rescuer = threading.Event(), Rescuer()

    def watch() -> None:
        while not over.wait(PASS_EVERY):
            rescuer.rescue()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _beside(hub: apart.Apart) -> Iterator[list[float]]:
    """What enqueues of another process took while the block lasted: filled when it has ended."""
    environ = {**hub.environ, "DJANGO_SETTINGS_MODULE": "bench.worker_settings"}
    process = subprocess.Popen([sys.executable, "-m", "bench.beside"], env=environ, text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    times: list[float] = []
    try:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"bench.beside ended with {process.wait()}.")
        yield times
        times += json.loads(process.communicate("")[0])
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
