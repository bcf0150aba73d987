"""The pages of exports that tasks make. They only translate HTTP."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from analytics.builder import exports as actions
from analytics.builder.download import stored
from analytics.builder.errors import BadReport, Busy, NoFile
from analytics.builder.export_shapes import MADE, state_of, tasks_of
from analytics.builder.models import Export
from events.charts.units import BYTES
from tasks.models import Task
from tasks.presentation import TaskView, version_of, view_of

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """An export in a list; `view`: its task, None where that is gone."""

    export: Export
    state: str
    task: Task | None
    view: TaskView | None

    @property
    def is_made(self) -> bool:
        return self.state == MADE

    @property
    def size(self) -> str:
        return BYTES.show(self.export.size) if self.export.size is not None else ""

    @property
    def is_active(self) -> bool:
        return self.task is not None and self.task.is_active


@never_cache
@require_safe
@require(Role.VIEWER)
def exports(request: HttpRequest) -> HttpResponse:
    """The newest exports alone, for their poll; `?query=`: those of that report. 204 when they still look as in version
    `?v=`."""
    found = recent(request.GET.get("query", ""))
    if request.GET.get("v") == found["version"]:
        return HttpResponse(status=204)
    return render(request, "analytics/builder/_exports.html", {"exports": found})


@require_POST
@require(Role.OPERATOR)
def begin(request: HttpRequest) -> HttpResponse:
    """Have a task make the report of `query` as a file of `format`; its progress is on the page of the task."""
    query = request.POST.get("query", "")[:8000]
    try:
        export = actions.begin(query, request.POST.get("format", "csv"))
    except BadReport as error:
        messages.warning(request, str(error))
        return redirect(f"{reverse('builder:report')}?{query}")
    task = tasks_of([export]).get(export.subject)
    return redirect("tasks:detail", task.pk) if task else redirect("builder:list")


@require_safe
@require(Role.VIEWER)
def file(request: HttpRequest, key: uuid.UUID) -> HttpResponseBase:
    """The file of an export; while there is none, the page of its task."""
    export = get_object_or_404(Export, pk=key)
    try:
        return stored(request, export)
    except Busy:
        messages.warning(request, "As many exports as may be are being read just now. Try in a minute.")
    except NoFile as error:
        if error.status == 403:
            raise PermissionDenied(error.message) from None
        messages.warning(request, error.message)
        task = tasks_of([export]).get(export.subject)
        if task is not None and error.status == 409:
            return redirect("tasks:detail", task.pk)
    return redirect("builder:list")


@require_POST
@require(Role.OPERATOR)
def delete(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Delete an export; what makes it is told to stop."""
    export = get_object_or_404(Export, pk=key)
    actions.remove(export)
    messages.success(request, f"“{export}” is deleted.")
    return redirect("builder:list")


def recent(query: str = "") -> dict[str, Any]:
    """What the list of exports needs; of one report where a query is given."""
    found = Export.objects.filter(query=query) if query else Export.objects.all()
    found, now = list(found[:SHOWN]), timezone.now()
    tasks = tasks_of(found)
    rows = []
    for one in found:
        task = tasks.get(one.subject)
        rows.append(Row(one, state_of(one, task, now), task, view_of(task, now, steps=False) if task else None))
    version = version_of((row.export.pk.hex, row.state, row.view and row.view.version) for row in rows)
    return {"rows": rows, "query": query, "version": version, "is_live": any(row.is_active for row in rows)}
