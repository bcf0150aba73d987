"""REST: the same done to many tasks."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, ListQuery
from events.keyset import take
from tasks.api_shapes import TaskOut
from tasks.bulk import actions
from tasks.bulk.job import Bulk, summary
from tasks.bulk.models import BulkItem
from tasks.bulk.selection import MOST_IDS
from tasks.models import Task
from tasks.shapes import task_detail

router = Router(tags=["Tasks"])


class BulkIn(Schema):
    model_config = ConfigDict(extra="forbid")

    do: Literal["cancel", "retry", "delete", "priority"]
    q: str = Field("", description="a query: all that it finds now")
    ids: list[UUID] = Field([], max_length=MOST_IDS, description="or these tasks")
    priority: int | None = Field(None, strict=True, ge=1, le=10, description="with do: priority")


class BulkPreview(Schema):
    count: int = Field(description="how many tasks are chosen")
    fits: int = Field(description="to how many of them it can be done as they are now")


class BulkItemOut(Schema):
    task: UUID
    done: bool
    message: str = Field(description="why it was left as it was; of a retry, the id of the new task")


class BulkOut(ListOut):
    state: str
    total: int = Field(description="to how many tasks it has come so far")
    done: int
    left: int = Field(description="how many of them were left as they were")
    items: list[BulkItemOut]


@router.post("/preview", response=BulkPreview, summary="Count what a change of many tasks would come to")
def preview_bulk(request: HttpRequest, body: BulkIn):
    return actions.preview(_params(body))


@router.post("", response={202: TaskOut}, auth=allow(Role.OPERATOR), summary="Do the same to many tasks")
def begin_bulk(request: HttpRequest, body: BulkIn):
    """A task does it; cancel that to stop half-way: what was done stays done, and is listed."""
    return Status(202, task_detail(actions.begin(_params(body))))


@router.get("/{task_id}", response=BulkOut, summary="What became of each task")
def show_bulk(request: HttpRequest, task_id: UUID, query: Query[ListQuery]):
    """The last first, unless `order=asc`."""
    task = Task.objects.filter(pk=task_id, job=Bulk.name).first()
    if task is None:
        raise Http404(f"There is no change of many tasks {task_id}.")
    part = take(BulkItem.objects.filter(bulk=task), limit=query.limit, cursor=query.cursor,
                ascending=query.order == "asc")
    items = [{"task": item.item, "done": item.done, "message": item.message} for item in part.items]
    return {"state": task.state, **summary(task), "items": items, "next_cursor": part.next_cursor}


def _params(body: BulkIn) -> dict:
    return {"do": body.do, "q": body.q, "ids": [str(key) for key in body.ids], "priority": body.priority}
