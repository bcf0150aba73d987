"""What bare RQ runs beside Hub: nothing. `python -m bench.noop WORKERS SOCKET`: RQ's own pool for it."""

from __future__ import annotations

import sys
from pathlib import Path

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker_pool import WorkerPool


def noop() -> None:
    """Does nothing."""


def main(socket: Path, workers: int) -> None:
    """Work on the queue `bare` until told to stop."""
    client = Redis(unix_socket_path=str(socket))
    bare = Queue("bare", connection=client, serializer=JSONSerializer)
    WorkerPool([bare], connection=client, num_workers=workers, serializer=JSONSerializer).start(logging_level="WARNING")


if __name__ == "__main__":
    main(Path(sys.argv[2]), int(sys.argv[1]))
