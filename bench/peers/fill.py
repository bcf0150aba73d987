"""`python fill.py celery|rq`: for each number on a line of standard input tells of so many more tasks, and answers with
a line. Of Celery: the events that a worker sends of tasks that succeed. Of RQ: jobs that wait. Runs in the peers' own
environment, for the Redis that it names."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

URL = os.environ["PEER_URL"]
RESULT = {"name": "mail.send", "args": "()", "kwargs": "{'to': 'mara', 'note': 'gallery'}", "retries": 0}


@contextmanager
def celery() -> Iterator[object]:
    """What tells of a number of tasks, three events for each."""
    from celery import Celery

    app = Celery("peer", broker=URL)
    with app.connection_for_write() as connection, app.events.Dispatcher(connection, hostname="peer@bench") as sender:
        def tell(number: int) -> None:
            for _ in range(number):
                key = str(uuid.uuid4())
                sender.send("task-received", uuid=key, **RESULT)
                sender.send("task-started", uuid=key)
                sender.send("task-succeeded", uuid=key, result="None", runtime=0.25)

        yield tell


@contextmanager
def rq() -> Iterator[object]:
    """What enqueues a number of jobs."""
    from redis import Redis
    from rq import Queue

    queue = Queue("default", connection=Redis.from_url(URL))

    def tell(number: int) -> None:
        queue.enqueue_many([Queue.prepare_data("time.sleep", args=(0.25,)) for _ in range(number)])

    yield tell


if __name__ == "__main__":
    with {"celery": celery, "rq": rq}[sys.argv[1]]() as tell:
        for line in sys.stdin:
            tell(int(line))
            print("told", flush=True)
