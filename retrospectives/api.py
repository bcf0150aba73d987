"""REST: sprint metrics and retrospective reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, ListQuery
from events.keyset import take
from retrospectives.api_shapes import ReportOut
from retrospectives.comparison import compared
from retrospectives.jobs import GenerateReport, SyncMetrics
from retrospectives.models import Report
from retrospectives.shapes import markdown, report_dict
from tasks.actions import enqueue
from tasks.api_shapes import TaskOut
from tasks.shapes import task_detail

tasks_router = Router(tags=["Retrospectives"])
reports_router = Router(tags=["Retrospectives"])


class SyncIn(Schema):
    model_config = ConfigDict(extra="forbid")

    sprint_count: int = Field(5, strict=True, ge=1, le=20)
    team_id: str | None = Field(None, max_length=100)
    force_refresh: bool = Field(False, strict=True, description="also fetch sprints that are known")


class GenerateIn(Schema):
    model_config = ConfigDict(extra="forbid")

    sprint_count: int | None = Field(None, strict=True, ge=3, le=20, description="the newest; 20 when nothing is said")
    sprint_ids: list[str] | None = Field(None, max_length=100)
    team_id: str | None = Field(None, max_length=100)
    focus_metrics: list[str] | None = Field(None, max_length=50, description="only these are tested")
    custom_context: str | None = Field(None, description="what the numbers cannot know; at most 10,000 characters")


class ReportLine(Schema):
    id: int
    headline: str
    team_id: str | None
    sprints: int
    hypotheses: int
    created_at: datetime


class ReportList(ListOut):
    items: list[ReportLine]


class ComparedRow(Schema):
    """`better` is null where nothing changed, or neither direction is better."""

    metric: str
    before: str
    after: str
    change: str
    better: bool | None


class ComparisonOut(Schema):
    rows: list[ComparedRow]


class MarkdownOut(Schema):
    markdown: str


class ReportQuery(ListQuery):
    team_id: str | None = None


@tasks_router.post("/metrics/sync", response={202: TaskOut}, auth=allow(Role.OPERATOR), summary="Sync sprint metrics")
def sync_metrics(request: HttpRequest, body: SyncIn):
    """Fetches the newest sprints from METRICS_API_URL. The result counts those created, updated and skipped, and says
    of each broken row what is wrong."""
    return Status(202, task_detail(enqueue(SyncMetrics, _given(body), subject=f"sprints:{body.team_id or ''}")))


@tasks_router.post("/reports/generate", response={202: TaskOut}, auth=allow(Role.OPERATOR),
                   summary="Make a retrospective report")
def generate_report(request: HttpRequest, body: GenerateIn):
    return Status(202, task_detail(enqueue(GenerateReport, _given(body))))


@reports_router.get("", response=ReportList, summary="List reports")
def list_reports(request: HttpRequest, query: Query[ReportQuery]):
    reports = Report.objects.all()
    if query.team_id is not None:
        reports = reports.filter(team=query.team_id)
    part = take(reports, limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"next_cursor": part.next_cursor, "items": [
        {"id": one.pk, "headline": one.content["headline"], "team_id": one.team or None,
         "sprints": len(one.content["sprints"]), "hypotheses": len(one.content["hypotheses"]),
         "created_at": one.created_at}
        for one in part.items
    ]}


@reports_router.get("/{int:report_id}", response=ReportOut, summary="Show a report")
def show_report(request: HttpRequest, report_id: int):
    return report_dict(_report(report_id))


@reports_router.get("/{int:report_id}/comparison", response=ComparisonOut, summary="Compare two reports")
def compare_reports(request: HttpRequest, report_id: int, to: int = Query(..., description="id of a later report")):
    """The mean of each metric that either report knows, then and now."""
    rows = compared(_report(report_id), _report(to))
    return {"rows": [{**row, "metric": row["label"]} for row in rows]}


@reports_router.get("/{int:report_id}/markdown", response=MarkdownOut, summary="A report as Markdown")
def show_report_as_markdown(request: HttpRequest, report_id: int):
    """Text that reads well in a chat, a wiki or a merge request."""
    return {"markdown": markdown(_report(report_id))}


def _report(report_id: int) -> Report:
    report = Report.objects.filter(pk=report_id).prefetch_related("experiments").first()
    if report is None:
        raise Http404("There is no report with this id.")
    return report


def _given(body: Schema) -> dict[str, Any]:
    return body.dict(exclude_none=True, exclude_unset=True)
