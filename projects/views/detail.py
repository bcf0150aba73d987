"""One project: its overview, live."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import require
from accounts.models import Role
from events.words import ago
from projects.models import Project
from projects.presentation.activity import of_project
from projects.presentation.mark import mark_of
from projects.presentation.revision import good_before, standing_of
from projects.views.page import Refusal, live_context, page_context, project_or_404
from tasks.models import Task
from tasks.presentation import view_of

RECENT = 6


@require_safe
@require(Role.VIEWER, by_project=True)
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """The overview of a project."""
    return overview(request, project_or_404(pk))


def overview(request: HttpRequest, project: Project, refusal: Refusal | None = None) -> HttpResponse:
    """The overview, also as the answer to what could not be done."""
    context = page_context(request, project, "overview", refusal) | around_context(project)
    return render(request, "projects/detail.html", context, status=refusal.status if refusal else 200)


@require_safe
@require(Role.VIEWER, by_project=True)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """What changes on the overview. 204 while it is what the asker has."""
    return _fragment(request, pk, "projects/_live.html", "live")


@require_safe
@require(Role.VIEWER, by_project=True)
def head(request: HttpRequest, pk: int) -> HttpResponse:
    """The head of the other tabs. 204 while it is what the asker has."""
    return _fragment(request, pk, "projects/_head.html", "titles")


def _fragment(request: HttpRequest, pk: int, template: str, target: str) -> HttpResponse:
    mark = mark_of(pk, timezone.now())
    if mark is None:
        if request.htmx:  # deleted while its page was open: there is nothing left to look at
            return HttpResponse(headers={"HX-Redirect": reverse("home")})
        raise Http404
    if request.GET.get("version") == mark:
        return HttpResponse(status=204)
    project = project_or_404(pk)
    context = live_context(request, project) | {"target": target}
    if target == "live":
        context |= around_context(project) | {"with_head": True}
    return render(request, template, context)


def around_context(project: Project) -> dict[str, Any]:
    """What stands around the services of a project: its last tasks and events, and where it comes from."""
    now = timezone.now()
    tasks = Task.objects.filter(subject=project.subject).order_by("-id").defer("params", "result", "detail")[:RECENT]
    return {
        "tasks": [(view_of(task, now, steps=False), ago(task.created_at, now)) for task in tasks],
        "activity": of_project(project, RECENT, now),
        "copies": list(project.copies.values("pk", "name")),
        "original": Project.objects.filter(pk=project.copied_from_id).values("pk", "name").first(),
        "standing": standing_of(project),
        "good": good_before(project),
        "revision": project.revisions.values("number", "created_at", "started_ok").first(),
    }
