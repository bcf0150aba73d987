"""REST: reports and exports."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from analytics.builder import actions
from analytics.builder.datasets import datasets
from analytics.builder.definition import read
from analytics.builder.download import download
from analytics.builder.models import SavedReport
from events.api_lists import ListOut, ListQuery, PartQuery, listed
from events.keyset import take
from events.times import iso

router = Router(tags=["Analytics"])


class KeepIn(Schema):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100)
    query: str = Field(max_length=8000, description="the definition, as in the address of the report's page")


class SendIn(Schema):
    model_config = ConfigDict(extra="forbid")

    channel: int = Field(description="the number of a channel for mail or a webhook")
    cron: str = Field(max_length=100, description="such as 0 7 * * mon")
    zone: str = Field("UTC", max_length=64)


class FieldOut(Schema):
    name: str
    label: str
    kind: str
    group: bool = Field(description="whether rows can be grouped by it")
    measure: bool = Field(description="whether it can be measured, as in avg:run")


class DatasetOut(Schema):
    name: str
    label: str
    usual: list[str] = Field(description="the fields of a report that names none")
    time: str | None = Field(description="the field that `since` and `until` are about")
    fields: list[FieldOut]


class DatasetList(ListOut):
    items: list[DatasetOut]


class KeptOut(Schema):
    id: int
    name: str
    query: str
    url: str
    created_by: str
    created_at: str


class KeptList(ListOut):
    items: list[KeptOut]


class SentOut(Schema):
    """The schedule by which a report is sent."""

    schedule: int
    name: str
    next_run_at: str | None


@router.get("/export", summary="Export a data set or a report", openapi_extra={
    "parameters": [{"name": name, "in": "query", "schema": {"type": "string"}, "description": text}
                   for name, text in (
                       ("dataset", "tasks, attempts, events, projects or sprints"),
                       ("fields", "with commas; without it the usual ones"), ("q", "narrows it, as on its page"),
                       ("since", "30d, 2026-11-01"), ("until", ""),
                       ("group", "up to three, such as job,created_at:day"),
                       ("measure", "count, failure_rate, avg:run, ..."), ("sort", "a column, with - downwards"),
                       ("format", "csv, json or parquet"))],
    "responses": {200: {"description": "The file, streamed", "content": {"text/csv": {}, "application/json": {}}}},
})
def export_report(request: HttpRequest):
    """Streamed however long it is: a million rows take no more memory than a thousand. A cell of CSV never begins a
    formula; what may be a secret is masked."""
    return download(request, read(request.GET), request.GET.get("format", "csv"))


@router.get("/datasets", response=DatasetList, summary="What a report can be made of")
def list_datasets(request: HttpRequest, query: Query[PartQuery]):
    found = [
        {"name": one.name, "label": one.label, "usual": list(one.usual), "time": one.at or None,
         "fields": [{"name": column.name, "label": column.label, "kind": column.kind, "group": column.can_group,
                     "measure": column.can_measure} for column in one.columns]}
        for one in datasets().values()]
    return listed(found, query, name="datasets", key=lambda one: [one["name"]])


@router.get("/reports", response=KeptList, summary="List reports that are kept")
def list_kept_reports(request: HttpRequest, query: Query[ListQuery]):
    part = take(SavedReport.objects.all(), limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [_shape(one) for one in part.items], "next_cursor": part.next_cursor}


@router.post("/reports", response={201: KeptOut}, auth=allow(Role.OPERATOR), summary="Keep a report")
def keep_kept_report(request: HttpRequest, body: KeepIn):
    return Status(201, _shape(actions.keep(body.name, body.query)))


@router.delete("/reports/{int:kept_id}", response={204: None}, auth=allow(Role.OPERATOR), summary="Delete a report")
def delete_kept_report(request: HttpRequest, kept_id: int):
    actions.remove(_one(kept_id))
    return Status(204, None)


@router.post("/reports/{int:kept_id}/schedule", response={201: SentOut}, auth=allow(Role.OPERATOR),
             summary="Send a report by a schedule")
def schedule_kept_report(request: HttpRequest, kept_id: int, body: SendIn):
    schedule = actions.send_by_schedule(_one(kept_id), body.channel, body.cron, body.zone)
    return Status(201, {"schedule": schedule.pk, "name": schedule.name, "next_run_at": iso(schedule.next_run_at)})


def _one(pk: int) -> SavedReport:
    found = SavedReport.objects.filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Http404("There is no report with this id.")
    return found


def _shape(saved: SavedReport) -> dict[str, Any]:
    return {"id": saved.pk, "name": saved.name, "query": saved.query, "url": saved.get_absolute_url(),
            "created_by": saved.created_by, "created_at": iso(saved.created_at)}
