"""A Hub apart from every other, for benches that look at tasks from inside: its own folder, Redis and database."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from django.core.management import call_command
from django.db import connections

import conftest  # the tests' data folder and settings; sets Django up
from hub.env import redis_socket


@dataclass(frozen=True)
class Apart:
    """`environ`: in which its processes run."""

    redis: conftest.RedisServer
    environ: dict[str, str]

    def empty(self) -> None:
        """Leave no row and nothing in Redis."""
        call_command("flush", interactive=False, verbosity=0)
        self.redis.client().flushall()


@contextmanager
def hub() -> Iterator[Apart]:
    """Migrated and with Redis, but without workers. At the end all of it is gone."""
    signal.signal(signal.SIGTERM, _end)
    redis = conftest.RedisServer(redis_socket(conftest.DATA))
    redis.start()
    try:
        call_command("migrate", interactive=False, verbosity=0)
        yield Apart(redis, conftest.process_environment())
    finally:
        connections.close_all()
        redis.stop()
        shutil.rmtree(conftest.SCRATCH, ignore_errors=True)


def _end(number: int, frame: FrameType | None) -> None:
    """So that SIGTERM also stops what the bench has started."""
    sys.exit(128 + number)
