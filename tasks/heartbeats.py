"""How a worker stays known: its record in Redis, its place on the list of workers, and what keeps both there."""

from __future__ import annotations

import json
from typing import Any

from tasks import processes
from tasks.lanes import LANES
from tasks.queue import HEARTBEAT_INTERVAL, HEARTBEAT_TTL

LIST_OF_QUEUE = "rq:workers:{}"


class Heartbeats:
    """The heartbeats of an RQ worker, to be put before it among the bases of a class.

    Redis may lose all it holds, in part even: each heartbeat looks whether record and list still have this worker, and
    an idle worker then begins to listen anew, while a busy one writes both again and works on.
    """

    def serialize(self) -> dict[str, Any]:
        """RQ's record of a worker, with what tells its process from others."""
        place = processes.here()
        lanes = [lane for lane in LANES if any(name.startswith(f"hub:{lane}:") for name in self.queue_names())]
        return {**super().serialize(), "host": place.host, "boot_id": place.boot_id,
                "pid_began": processes.began(self.pid), "lanes": json.dumps(lanes)}

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Say that this worker is alive; as part of a pipeline, no more than that."""
        ttl = HEARTBEAT_TTL + HEARTBEAT_INTERVAL
        if pipeline is not None:
            super().heartbeat(ttl, pipeline)
            return
        with self.connection.pipeline() as own:
            super().heartbeat(ttl, own)
            own.execute()
        if not self.is_registered():
            self.listen_anew()

    def maintain_heartbeats(self, job: Any, execution: Any) -> None:
        """While a horse works: the worker, the job and its execution are alive."""
        super().maintain_heartbeats(job, execution)
        if not self.is_registered():
            self.register_busy()

    def is_registered(self) -> bool:
        """Whether Redis has the whole record, not only the heartbeat just written, and the list names it."""
        with self.connection.pipeline() as pipeline:
            pipeline.hexists(self.key, "birth")
            pipeline.sismember(self.redis_workers_keys, self.key)
            return all(pipeline.execute())

    def register_busy(self) -> None:
        """Write record, lists and what is worked on again, as they were."""
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping={**self.serialize(), "state": self.get_state()})
            for workers in (self.redis_workers_keys, *map(LIST_OF_QUEUE.format, self.queue_names())):
                pipeline.sadd(workers, self.key)
            for execution in list(self.executions.values()):
                pipeline.sadd(self.executions_key, execution.composite_key)
            super().heartbeat(HEARTBEAT_TTL + HEARTBEAT_INTERVAL, pipeline)
            pipeline.execute()

    def listen_anew(self) -> None:
        """Register and subscribe as at the beginning. For the worker to say."""
        raise NotImplementedError
