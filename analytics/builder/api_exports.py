"""REST: exports that tasks make."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from analytics.builder import exports
from analytics.builder.download import stored
from analytics.builder.export_shapes import shape, tasks_of
from analytics.builder.models import Export
from events.api_lists import ListOut, ListQuery
from events.keyset import take

router = Router(tags=["Analytics"])
State = Literal["made", "expired", "scheduled", "blocked", "queued", "running", "succeeded", "failed", "cancelled"]


class ExportIn(Schema):
    model_config = ConfigDict(extra="forbid")

    query: str = Field(max_length=8000, description="the report, as in the address of its page or of GET /export")
    format: str = Field("csv", max_length=16, description="csv, json or parquet")


class ExportOut(Schema):
    id: UUID
    task_id: UUID | None = Field(description="of the task that makes it; null when that was removed")
    state: State = Field(description="that of its task until it is made")
    progress: float | None = Field(description="per cent; null where nobody knows")
    error: str | None
    query: str
    format: str
    title: str
    rows: int | None
    size: int | None = Field(description="bytes")
    url: str | None = Field(description="where it is read from, while it can be")
    created_by: str
    created_at: datetime
    made_at: datetime | None
    expires_at: datetime = Field(description="when it is removed")


class ExportList(ListOut):
    items: list[ExportOut]


@router.post("", response={202: ExportOut}, auth=allow(Role.OPERATOR), summary="Have a task make an export")
def begin_export(request: HttpRequest, body: ExportIn):
    """For large ones, or to fetch it later. With `Prefer: wait` the answer comes when it is made."""
    export = exports.begin(body.query, body.format)
    return Status(202, shape(export, tasks_of([export]).get(export.subject)))


@router.get("", response=ExportList, summary="List exports")
def list_exports(request: HttpRequest, query: Query[ListQuery]):
    part = take(Export.objects.all(), limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    tasks = tasks_of(part.items)
    return {"items": [shape(one, tasks.get(one.subject)) for one in part.items], "next_cursor": part.next_cursor}


@router.get("/{export_id}", response=ExportOut, summary="Show an export")
def show_export(request: HttpRequest, export_id: UUID):
    export = _one(export_id)
    return shape(export, tasks_of([export]).get(export.subject))


@router.get("/{export_id}/file", summary="Read an export", openapi_extra={
    "responses": {200: {"description": "The file", "content": {"text/csv": {}, "application/json": {}}}}})
def read_export(request: HttpRequest, export_id: UUID):
    """Only for who may see as much as who asked for it; 409 until it is made, 404 after it has expired."""
    return stored(request, _one(export_id))


@router.delete("/{export_id}", response={204: None}, auth=allow(Role.OPERATOR), summary="Delete an export")
def delete_export(request: HttpRequest, export_id: UUID):
    """What makes it is told to stop."""
    exports.remove(_one(export_id))
    return Status(204, None)


def _one(key: UUID) -> Export:
    found = Export.objects.filter(pk=key).first()
    if found is None:
        raise Http404("There is no export with this id.")
    return found
