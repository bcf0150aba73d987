"""What a worker tells Redis about the task it has: for RQ's dashboard, for the rescuer, and for who asks what a worker
does. One pipeline when it begins and one when it ends; nothing depends on either."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

import redis

from tasks.states import ENDED, TaskState


@dataclass(frozen=True, slots=True)
class Record:
    """The task `task_id`, taken from `queue` by the worker `worker`. `ttl`: seconds that each entry outlives the last
    word about it; `kept`: seconds for which RQ's dashboard shows a task that has ended."""

    client: redis.Redis
    worker: str
    queue: str
    task_id: str
    ttl: int
    kept: int
    execution: str = field(default_factory=lambda: uuid.uuid4().hex)
    began: float = field(default_factory=time.time)

    @property
    def _member(self) -> str:
        return f"{self.task_id}:{self.execution}"

    def begin(self) -> None:
        """The worker has it."""
        with self.client.pipeline() as pipeline:
            pipeline.hset(f"rq:worker:{self.worker}", "state", "busy")
            pipeline.sadd(f"rq:worker:{self.worker}:executions", self._member)
            pipeline.expire(f"rq:worker:{self.worker}:executions", self.ttl)
            pipeline.zadd(f"rq:wip:{self.queue}", {self._member: time.time() + self.ttl})
            pipeline.hset(f"rq:job:{self.task_id}", mapping={
                "status": "started", "worker_name": self.worker, "started_at": _stamp(self.began),
            })  # fmt: skip
            pipeline.execute()

    def keep(self) -> None:
        """The worker still has it."""
        with self.client.pipeline() as pipeline:
            pipeline.sadd(f"rq:worker:{self.worker}:executions", self._member)
            pipeline.expire(f"rq:worker:{self.worker}:executions", self.ttl)
            pipeline.zadd(f"rq:wip:{self.queue}", {self._member: time.time() + self.ttl})
            pipeline.execute()

    def end(self, state: str) -> None:
        """The worker no longer has it. A task that has not ended (it waits again) has a new record already."""
        now, worker = time.time(), f"rq:worker:{self.worker}"
        with self.client.pipeline() as pipeline:
            pipeline.zrem(f"rq:wip:{self.queue}", self._member)
            pipeline.srem(f"{worker}:executions", self._member)
            pipeline.hset(worker, "state", "idle")
            pipeline.hincrbyfloat(worker, "total_working_time", round(now - self.began, 6))
            if state == TaskState.FAILED:
                pipeline.hincrby(worker, "failed_job_count", 1)
            elif state in ENDED:
                pipeline.hincrby(worker, "successful_job_count", 1)
            if state in ENDED or not state:
                status = "failed" if state == TaskState.FAILED else "finished"
                pipeline.hset(f"rq:job:{self.task_id}", mapping={"status": status, "ended_at": _stamp(now)})
                pipeline.expire(f"rq:job:{self.task_id}", self.kept)
                pipeline.zadd(f"rq:{status}:{self.queue}", {self.task_id: now + self.kept})
            pipeline.execute()


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
