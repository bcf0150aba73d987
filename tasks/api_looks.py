"""REST: tasks again, seen from other sides: tried again, their whole log, their graph, the monitor, the search box."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, ListQuery
from events.keyset import take
from tasks import actions
from tasks.api_shapes import LogLineOut, TaskOut
from tasks.graph import graph_of
from tasks.models import Dependency
from tasks.monitor.api_shapes import MonitorOut
from tasks.monitor.shared import latest
from tasks.search.completion import suggest
from tasks.shapes import line_dict, task_detail
from tasks.sight import task_or_404

router = Router(tags=["Tasks"])


class LogList(ListOut):
    items: list[LogLineOut]


class Suggestions(Schema):
    queries: list[str] = Field(description="whole queries, at most 12")


class GraphNode(Schema):
    """A task in a graph: `needs` are those that it waits for; `critical`: it is on the path that decides how long the
    whole takes."""

    id: UUID
    title: str
    state: str
    critical: bool
    needs: list[UUID]


class GraphOut(Schema):
    """Every task after those that it waits for; `more`: there are others, which are not listed."""

    nodes: list[GraphNode]
    more: bool


@router.get("/monitor", response=MonitorOut, auth=allow(Role.VIEWER), summary="Look at workers, lanes and tasks")
def show_monitor(request: HttpRequest):
    """What `GET /api/tasks/stream` sends, once: less than a second old."""
    return latest()


@router.get("/suggestions", response=Suggestions, auth=allow(Role.VIEWER), summary="Complete a search")
def suggest_queries(request: HttpRequest, q: str = Query("", max_length=2000, description="what was typed so far")):
    """How a query may go on: the last word as a qualifier, or its values."""
    return {"queries": suggest(q)}


@router.post("/{task_id}/retry", response={202: TaskOut}, auth=allow(Role.OPERATOR, by_project=True),
             summary="Try a task again")
def retry_task(request: HttpRequest, task_id: UUID):
    """A new task, with `retry_of`. 409 while the first has not ended, and while another is active on its subject."""
    return Status(202, task_detail(actions.retry(task_or_404(task_id))))


@router.get("/{task_id}/log", response=LogList, auth=allow(Role.VIEWER, by_project=True, payloads=True),
            summary="Read the log of a task")
def show_task_log(request: HttpRequest, task_id: UUID, query: Query[ListQuery]):
    """All lines of all attempts, the newest first unless `order=asc`."""
    part = take(task_or_404(task_id).log_lines.all(), limit=query.limit, cursor=query.cursor,
                ascending=query.order == "asc")
    return {"items": [line_dict(line) for line in part.items], "next_cursor": part.next_cursor}


@router.get("/{task_id}/graph", response=GraphOut, summary="What waits for what around a task")
def show_task_graph(request: HttpRequest, task_id: UUID):
    """All tasks that are connected with it by waiting, 500 at most; none when it waits for nothing."""
    graph = graph_of(task_or_404(task_id), timezone.now())
    if graph is None:
        return {"nodes": [], "more": False}
    keys = [node.id for node in graph.nodes]
    needs: dict[UUID, list[UUID]] = {key: [] for key in keys}
    for needing, needed in Dependency.objects.filter(task__in=keys, needs__in=keys).values_list("task_id", "needs_id"):
        needs[needing].append(needed)
    return {"more": graph.more, "nodes": [
        {"id": node.id, "title": node.title, "state": node.look.state, "critical": node.critical,
         "needs": needs[node.id]}
        for node in graph.nodes
    ]}
