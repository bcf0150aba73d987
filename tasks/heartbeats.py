"""How a worker stays known: its record in Redis, its place on the list of workers, and what keeps both there."""

from __future__ import annotations

import json
import time
from typing import Any

from django.conf import settings

from tasks import processes
from tasks.lanes import LANES
from tasks.queue import HEARTBEAT_INTERVAL, HEARTBEAT_TTL


class Heartbeats:
    """The heartbeats of an RQ worker, to be put before it among the bases of a class, which says `listen_anew()`
    (register as at the beginning), `pids()` (its processes) and `order()` (what it was told to do).

    Redis may lose all it holds, in part even: each heartbeat, also of a worker at work, looks whether record and list
    still have this worker, and has it listen anew when they have not.
    """

    node = ""  # whose queues it listens to beside those of every worker
    _measured_at = 0.0
    _memory = 0

    def serialize(self) -> dict[str, Any]:
        """RQ's record of a worker, with what tells its process from others."""
        place = processes.here()
        lanes = [lane for lane in LANES if any(name.startswith(f"hub:{lane}:") for name in self.queue_names())]
        return {**super().serialize(), "host": place.host, "boot_id": place.boot_id,
                "pid_began": processes.began(self.pid), "lanes": json.dumps(lanes),
                "node": self.node or settings.HUB_NODE, "hub_version": settings.VERSION, "memory": self.memory(),
                "order": self.order()}

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that this worker is alive; as part of a pipeline, no more than that."""
        ttl = HEARTBEAT_TTL + HEARTBEAT_INTERVAL
        if pipeline is not None:
            super().heartbeat(ttl, pipeline)
            pipeline.hset(self.key, "memory", self.memory())
            return
        with self.connection.pipeline() as own:
            super().heartbeat(ttl, own)
            own.hset(self.key, "memory", self.memory())
            own.execute()
        if not self.is_registered():
            self.listen_anew()

    def is_registered(self) -> bool:
        """Whether Redis has the whole record, not only the heartbeat just written, and the list names it."""
        with self.connection.pipeline() as pipeline:
            pipeline.hexists(self.key, "birth")
            pipeline.sismember(self.redis_workers_keys, self.key)
            return all(pipeline.execute())

    def memory(self) -> int:
        """The bytes that its processes use, looked up once in a heartbeat's interval at most."""
        if time.monotonic() - self._measured_at > HEARTBEAT_INTERVAL:
            self._memory = sum(map(processes.memory, self.pids()))
            self._measured_at = time.monotonic()
        return self._memory
