"""REST: background tasks."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Status

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListQuery
from events.streams import event_stream
from tasks import actions
from tasks.api_shapes import CeleryStatus, SearchCount, SearchQuery, TaskChange, TaskIn, TaskList, TaskOut, TaskQuery
from tasks.errors import BadTask
from tasks.job import job_class
from tasks.models import Task
from tasks.monitor.feed import Part, follow
from tasks.search.finding import count, take
from tasks.search.query import read
from tasks.shapes import PROJECT_SUBJECT, celery_status, task_detail, task_dict, with_relatives
from tasks.sight import task_or_404

POLLED = allow(Role.VIEWER, by_project=True, polled=True)
router = Router(tags=["Tasks"])
STREAM_LIFE = 300
SNAPSHOTS = {"responses": {200: {"description": "Snapshots", "content": {"text/event-stream": {}}}}}


@router.get("", response=TaskList, url_name="tasks", summary="List tasks")
def list_tasks(request: HttpRequest, query: Query[TaskQuery]):
    wanted = {name: getattr(query, name) for name in ("state", "lane", "job")}
    if query.project is not None:
        wanted["subject"] = f"{PROJECT_SUBJECT}{query.project}"
    return _page(query, **{name: value for name, value in wanted.items() if value is not None})


@router.get("/search", response=TaskList, url_name="task-search", summary="Search tasks")
def search_tasks(request: HttpRequest, query: Query[SearchQuery]):
    """Words, "phrases", OR, -without, and qualifiers such as state:failed, priority:>=8, wait:>30s or
    created:2026-11-01..2026-11-07. 400 with `position` (in characters, from 0) for a query that is not understood."""
    return _page(query)


@router.get("/search/count", response=SearchCount, url_name="task-search-count", summary="Count tasks")
def count_tasks(request: HttpRequest, query: Query[SearchQuery]):
    """How many tasks a query finds, counted up to 500,000."""
    found = count(Task.objects.all(), read(query.q))
    return {"count": found.number, "more": found.more}


@router.post("", response={202: TaskOut}, auth=allow(Role.OPERATOR), summary="Start a task")
def start_task(request: HttpRequest, body: TaskIn):
    """Only jobs that declare themselves startable."""
    job = job_class(body.job)
    if job is None or not job.startable:
        raise BadTask(f"There is no job named {body.job[:100]} that could be started this way.", "job")
    return Status(202, task_detail(actions.enqueue(
        job, body.params, priority=body.priority, lane=body.lane, run_at=body.run_at, depends_on=body.depends_on,
        unless_succeeded=body.unless_succeeded,
    )))


@router.get("/stream", url_name="task-stream", auth=allow(Role.VIEWER), summary="Follow workers, lanes and tasks",
            openapi_extra=SNAPSHOTS)
def stream_tasks(request: HttpRequest, last: str = ""):
    """What the monitor shows, as JSON: at once, and whenever it changes, about once a second at most.

    Server-sent events, or on the same path a WebSocket. `id` is the version of what is shown: who names it as
    `Last-Event-ID` (or `last`) hears first when it is another. Each holds the last minute, hour and day, so who was cut
    off has missed nothing. A stream ends after five minutes: connect again. 503 when too many are open.
    """
    return event_stream(follow(Part(), request.headers.get("Last-Event-ID") or last), STREAM_LIFE)


@router.get("/{task_id}", response=TaskOut, url_name="task", summary="Show a task")
def show_task(request: HttpRequest, task_id: UUID):
    return task_detail(task_or_404(task_id))


@router.patch("/{task_id}", response=TaskOut, auth=allow(Role.OPERATOR, by_project=True),
              summary="Change a waiting task")
def change_task(request: HttpRequest, task_id: UUID, body: TaskChange):
    """Give a waiting task another priority; what it has gained by waiting stays. 409 when it does not wait."""
    return task_detail(actions.change_priority(task_or_404(task_id), body.priority))


@router.delete("/{task_id}", response={202: TaskOut}, auth=allow(Role.OPERATOR, by_project=True),
               summary="Cancel a task")
def cancel_task(request: HttpRequest, task_id: UUID):
    """A waiting task is cancelled at once, a running one as soon as it has tidied up. 409 when it has ended."""
    return Status(202, task_detail(actions.cancel(task_or_404(task_id))))


@router.get("/{task_id}/status", response=CeleryStatus, auth=POLLED, url_name="task-status", summary="Status of a task")
def show_task_status(request: HttpRequest, task_id: UUID):
    return _status(task_id)


@router.get("/status/{task_id}", response=CeleryStatus, auth=POLLED, summary="Status of a task, at its older address")
def show_task_status_at_older_address(request: HttpRequest, task_id: UUID):
    return _status(task_id)


def _page(query: ListQuery, **wanted: str) -> dict:
    part = take(with_relatives(Task.objects.defer("detail")), read(query.q).exactly(**wanted), limit=query.limit,
                cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [task_dict(task) for task in part.items], "next_cursor": part.next_cursor}


def _status(task_id: UUID) -> dict:
    # Scripts poll this: one row, few columns.
    columns = ("state", "step", "steps", "reason", "progress", "result", "error")
    return celery_status(task_or_404(task_id, Task.objects.only(*columns)))
