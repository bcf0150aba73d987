"""What a project uses: the last hour as charts, and what it keeps on the disk."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import require
from accounts.models import Role
from projects.binding import home_of
from projects.engines.sizes import size_of
from projects.models import Project
from projects.presentation.usage import charts_of, rows_of
from projects.usage import history_of
from projects.views.page import page_context, project_or_404

UNKNOWN_NETWORK = {"process": "The system does not count what plain processes send and receive."}


@require_safe
@require(Role.VIEWER, by_project=True)
def usage(request: HttpRequest, pk: int) -> HttpResponse:
    """The tab with charts of the last hour."""
    project = project_or_404(pk)
    return render(request, "projects/usage.html", page_context(request, project, "usage") | _context(project))


@require_safe
@require(Role.VIEWER, by_project=True)
def charts(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the tab that changes. 204 while it is what the asker has."""
    project = project_or_404(pk)
    context = _context(project)
    if request.GET.get("version") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "projects/_usage.html", context | {"project": project})


def _context(project: Project) -> dict[str, Any]:
    history = history_of(project, timezone.now())
    newest = project.usage.order_by("-at").values_list("at", flat=True).first()
    home = home_of(project.slug)
    kept = {"Logs and state": home / "run", "Data of its services": home / "data", "Work tree": home / "tree"}
    return {
        "version": f"{newest.timestamp():.0f}" if newest else "0",
        "charts": charts_of(history, network=UNKNOWN_NETWORK.get(project.engine, "")) if not history.is_empty else [],
        "rows": rows_of(history),
        "kept": [(what, size_of(path)) for what, path in kept.items() if path.is_dir()],
    }
