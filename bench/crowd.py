"""`python -m bench.crowd TASKS WORKERS`: what a Hub holds that is watched, written into the one that the environment
names: tasks of three months, lanes with depth, what is planned, and workers on other hosts."""

from __future__ import annotations

import json
import os
import random
import sys
from datetime import timedelta

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from django.utils import timezone  # noqa: E402 - Django has to be set up before

from bench.million import generate  # noqa: E402
from tasks import lane_actions  # noqa: E402
from tasks.actions import enqueue  # noqa: E402
from tasks.jobs import Sleep  # noqa: E402
from tasks.lanes import LANES  # noqa: E402
from tasks.models import Task  # noqa: E402
from tasks.queue import connection  # noqa: E402

PER_HOST = 20
# So far ahead (hours) are the heartbeats of workers that are only written down.
AHEAD = 2


def tasks(number: int) -> None:
    """History, and what waits: on a lane that is paused, for a time, and for others."""
    now = timezone.now()
    generate(number, now - timedelta(seconds=30))
    # Nobody has these in hand: `watch` would rescue them.
    Task.objects.filter(state__in=("queued", "running", "scheduled")).update(
        state="succeeded", started_at=now - timedelta(seconds=40), finished_at=now - timedelta(seconds=30))
    lane_actions.pause("metrics")
    chance = random.Random(5)
    for _ in range(100):
        enqueue(Sleep, {"seconds": 1}, lane="metrics", priority=chance.randint(1, 10))
        first = enqueue(Sleep, {"seconds": 1}, run_at=now + timedelta(days=1, seconds=chance.randrange(9000)))
        enqueue(Sleep, {"seconds": 1}, depends_on=[first.pk])


def workers(number: int) -> None:
    """So many registered workers, by their records alone."""
    now, redis = timezone.now(), connection()
    with redis.pipeline(transaction=False) as pipeline:
        for one in range(number):
            name, host = f"studio-{one // PER_HOST}.{one % PER_HOST}", f"studio-{one // PER_HOST}"
            pipeline.hset(f"rq:worker:{name}", mapping={
                "birth": f"{now - timedelta(hours=3):%Y-%m-%dT%H:%M:%S.%fZ}",
                "last_heartbeat": f"{now + timedelta(hours=AHEAD):%Y-%m-%dT%H:%M:%S.%fZ}",
                "host": host, "hostname": host, "node": host, "boot_id": host, "pid": str(1000 + one), "pid_began": "1",
                "lanes": json.dumps([*LANES]), "hub_version": "0.1.0", "state": "idle", "order": "",
                "memory": str(90 << 20), "successful_job_count": str(one), "failed_job_count": "0",
                "total_working_time": str(one * 10.0),
            })  # fmt: skip
            pipeline.sadd("rq:workers", f"rq:worker:{name}")
        pipeline.execute()


if __name__ == "__main__":
    tasks(int(sys.argv[1]))
    workers(int(sys.argv[2]))
