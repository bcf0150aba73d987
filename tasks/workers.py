"""What can be done with workers: the use cases behind page, API and commands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from events.actions import record
from events.times import iso
from tasks import queue
from tasks.queue import ORDERS, WorkerInfo


class NoSuchWorker(LookupError):
    """No worker of that name is alive."""


class Unheard(Exception):
    """The worker is alive, but does not listen just now: ask again."""


def workers() -> list[WorkerInfo]:
    """The workers that are alive, those that began last first. Raises QueueAway."""
    return sorted(queue.workers_alive(), key=lambda worker: (worker.started_at, worker.name), reverse=True)


def worker(name: str) -> WorkerInfo:
    """One live worker. Raises NoSuchWorker, QueueAway."""
    for found in queue.workers_alive():
        if found.name == name:
            return found
    raise NoSuchWorker(f"There is no live worker named {name[:100]}.")


def order(name: str, what: str) -> WorkerInfo:
    """Give a worker an order, and return it in the state that follows. Raises NoSuchWorker, Unheard, QueueAway.

    - `drain`: it finishes the task at hand and takes no other, until it is stopped.
    - `stop`: it finishes the task at hand and ends. Whoever keeps workers alive (`up`, systemd) may start another.
    - `kill`: it ends at once; its task is settled as one whose process died.
    """
    found = worker(name)
    if not queue.send_order(name, what):
        raise Unheard(f"The worker {name} did not hear that. Try again in a few seconds.")
    record(f"worker.{what}", {"worker": name, "host": found.host, "pid": found.pid, "node": found.node})
    return replace(found, state=ORDERS[what])


def worker_dict(found: WorkerInfo) -> dict[str, Any]:
    """A worker as the contract shapes it, with the version of Hub that it runs."""
    return {
        "id": found.name,
        "host": found.host,
        "pid": found.pid,
        "node": found.node,
        "lanes": list(found.lanes),
        "version": found.version,
        "state": found.state,
        "task": found.task or None,
        "heartbeat_age": round(found.heartbeat_age, 3),
        "memory": found.memory,
        "succeeded": found.succeeded,
        "failed": found.failed,
        "started_at": iso(found.started_at),
    }
