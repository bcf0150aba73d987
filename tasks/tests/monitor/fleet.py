"""Workers that are only written down: a fleet on other hosts, without its processes."""

from __future__ import annotations

import json
from datetime import timedelta

from django.utils import timezone

from tasks.lanes import LANES
from tasks.queue import connection

PER_HOST = 20
# So far ahead (hours) are their heartbeats: nobody renews them.
AHEAD = 2


def register(number: int) -> None:
    """So many registered workers, by their records alone, on hosts of twenty."""
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
