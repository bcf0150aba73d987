"""What the API answers about the monitor; `tasks.monitor.snapshot` makes it. Times are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime

from ninja import Field, Schema


class LaneNow(Schema):
    """`oldest`: since when its oldest task waits; `late`: whether that is too long; `wait_p95` in seconds, of what
    ended lately."""

    name: str
    paused: bool
    reason: str
    cap: int | None
    rate: int | None
    period: float | None
    running: int
    queued: int
    high: int
    medium: int
    low: int
    oldest: str | None
    late: bool
    wait_p95: float | None


class SpreadNow(Schema):
    p50: float | None
    p95: float | None


class WindowNow(Schema):
    """How what ended in the last `seconds` waited and ran, and how it ended."""

    seconds: int
    sample: int
    wait: SpreadNow
    run: SpreadNow
    succeeded: int
    failed: int
    cancelled: int


class RunningNow(Schema):
    id: str
    title: str
    lane: str
    started_at: str | None
    progress: float | None
    step: str
    steps_done: int | None
    steps_total: int | None
    due_at: str | None
    cancel_requested: bool


class ComingNow(Schema):
    """What runs next by its time: a task (its id), or a schedule (its number)."""

    title: str
    at: str
    task: str | None
    schedule: int | None


class FailuresNow(Schema):
    """Failures of one job whose errors differ only in numbers; `task` is the last of them."""

    job: str
    error: str
    count: int
    last_at: str
    task: str


class LostNow(Schema):
    """An attempt whose process died; `state` is that of its task, now."""

    worker: str
    host: str
    pid: int | None
    at: str
    signal: int | None
    exit_code: int | None
    task: str
    title: str
    state: str


class WorkerNow(Schema):
    """`task` is empty while idle; `memory` in bytes; `silent`: seconds without a heartbeat, 0 while it is as it
    should be; `worked`: seconds at work."""

    name: str
    host: str
    pid: int
    node: str
    lanes: list[str]
    version: str
    state: str
    task: str
    memory: int
    succeeded: int
    failed: int
    started_at: str | None
    worked: float
    silent: int


class WorkersNow(Schema):
    """`away`: Redis does not answer, so nobody knows of them."""

    away: bool
    total: int
    states: dict[str, int]
    items: list[WorkerNow]


class MonitorOut(Schema):
    """What the monitor shows; each stream of it sends the same. `version` is the same while nothing has changed."""

    at: datetime
    version: str
    states: dict[str, int] = Field(description="how many tasks are in each active state")
    lanes: list[LaneNow]
    window: WindowNow
    ended: dict[str, list[tuple[str, int, int, int]]] = Field(
        description="by range: start, succeeded, failed, cancelled")
    running: list[RunningNow]
    coming: list[ComingNow]
    failures: list[FailuresNow]
    lost: list[LostNow]
    workers: WorkersNow
    crews: list[str]
