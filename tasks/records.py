"""What a worker tells Redis about the task it has: for RQ's dashboard, for the rescuer, and for who asks what a worker
does. Nothing depends on it. That it has begun is written by `tasks.intake`, in the step that takes it."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import redis
from redis.client import Pipeline

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

    def about(self, queue: str, task_id: str) -> Record:
        """The same, once it is known which task it is."""
        return replace(self, queue=queue, task_id=task_id)

    @property
    def stamp(self) -> str:
        """When it began, as RQ writes it."""
        return _stamp(self.began)

    @property
    def _member(self) -> str:
        return f"{self.task_id}:{self.execution}"

    def keep(self) -> None:
        """The worker still has it."""
        with self.client.pipeline() as pipeline:
            pipeline.sadd(f"rq:worker:{self.worker}:executions", self._member)
            pipeline.expire(f"rq:worker:{self.worker}:executions", self.ttl)
            pipeline.zadd(f"rq:wip:{self.queue}", {self._member: time.time() + self.ttl})
            pipeline.execute()

    def back(self, pipeline: Pipeline) -> None:
        """The worker has it no more."""
        pipeline.zrem(f"rq:wip:{self.queue}", self._member)
        pipeline.srem(f"rq:worker:{self.worker}:executions", self._member)
        pipeline.hset(f"rq:worker:{self.worker}", "state", "idle")

    def end(self, pipeline: Pipeline, state: str) -> None:
        """The worker has done it. A task that has not ended (it waits again) has a new record already."""
        now, worker = time.time(), f"rq:worker:{self.worker}"
        self.back(pipeline)
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


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
