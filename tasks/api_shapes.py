"""What the API's requests and answers about tasks hold; see `tasks.shapes` for what fills them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import AwareDatetime, BeforeValidator, ConfigDict

from events.api_lists import ListOut, ListQuery
from tasks.dependencies import MAX_DEPENDENCIES
from tasks.lanes import LANES
from tasks.models import Unmet
from tasks.states import TaskState

MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")


def _written(value: Any) -> Any:
    """A time is a text: numbers are read as seconds by one and milliseconds by the other."""
    if value is not None and not (isinstance(value, str) and MOMENT.match(value)):
        raise ValueError("it must be a time as text, such as 2026-11-22T15:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
LaneName = Literal[LANES]


class TaskQuery(ListQuery):
    state: TaskState | None = None
    lane: LaneName | None = None
    job: str | None = None
    project: int | None = Field(None, description="id of the project that the tasks are about")
    q: str = Field("", description="a query, as in the search box of the tasks page")


class SearchQuery(ListQuery):
    q: str = Field("", description="a query, as in the search box of the tasks page")


class TaskIn(Schema):
    model_config = ConfigDict(extra="forbid")

    job: str = Field(description="name of a job that may be started, such as demo.sleep")
    params: dict[str, Any] = {}
    priority: int | None = Field(None, strict=True, ge=1, le=10, description="10 goes first")
    lane: str | None = None
    run_at: Moment | None = Field(None, description="not before; with its offset from UTC")
    depends_on: list[UUID] = Field([], max_length=MAX_DEPENDENCIES, description="tasks that are to end before")
    unless_succeeded: Unmet = Field(
        Unmet.SKIP, description="when one of these fails or is cancelled: skip (cancel this one), fail, or run"
    )


class TaskChange(Schema):
    model_config = ConfigDict(extra="forbid")

    priority: int = Field(strict=True, ge=1, le=10, description="10 goes first")


class AttemptOut(Schema):
    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: str | None
    exit_code: int | None
    signal: str | None
    memory: int | None = Field(description="bytes that its process had used at most when it died")
    worker: str


class LogLineOut(Schema):
    at: datetime
    level: str
    source: str
    text: str


class TaskItem(Schema):
    """Lengths (`remaining`, `wait`, `run`) are seconds; `progress` is per cent, null without history."""

    id: UUID
    job: str
    name: str
    state: TaskState
    priority: int
    lane: str
    queue: str
    node: str | None = Field(description="only workers of that node run it; null where any may")
    params: dict[str, Any]
    progress: float | None
    step: str
    steps_done: int
    steps_total: int
    remaining: float | None
    slower_than_usual: bool = Field(description="it runs longer than 95 of 100 runs of its kind did")
    result: Any
    error: str | None
    attempt: int
    attempts: list[AttemptOut]
    created_at: datetime
    run_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    wait: float | None
    run: float | None
    parent: UUID | None
    children: list[UUID]
    depends_on: list[UUID]
    retry_of: UUID | None
    project: int | None
    actor: str
    correlation_id: UUID


class TaskOut(TaskItem):
    detail: str
    log_tail: list[LogLineOut]


class TaskList(ListOut):
    items: list[TaskItem]


class SearchCount(Schema):
    count: int
    more: bool = Field(description="there are more: counting stopped there")


class CeleryStatus(Schema):
    """For scripts written against Celery. `status` is a sentence for people."""

    task_id: UUID
    state: str = Field(description="PENDING, RUNNING, SUCCESS, FAILURE or REVOKED")
    ready: bool
    status: str
    progress: float | None
    result: Any
    error: str | None


class Accepted(Schema):
    """A task has been written; `GET /api/tasks/{task_id}/status` tells how it goes."""

    task_id: UUID
    status: str = Field(description="the state of the task")
    message: str
