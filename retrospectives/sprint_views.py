"""The pages of sprints. They only translate HTTP; what happens is in `retrospectives.actions`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from retrospectives import actions
from retrospectives.errors import BadSprint, RetrospectiveError
from retrospectives.jobs import SyncMetrics
from retrospectives.metrics import METRICS
from retrospectives.models import Sprint
from retrospectives.rows import NAMES
from tasks.actions import enqueue
from tasks.errors import TaskError

SHOWN = 60
COLUMNS = ("story_points_planned", "story_points_completed", "items_carried_over", "review_time", "bugs_prod",
           "team_happiness")
MOST_BYTES = 1024 * 1024


@require_safe
@require(Role.VIEWER)
def sprint_list(request: HttpRequest) -> HttpResponse:
    """The sprints of `?team=`, newest first; without it of the team that has any."""
    teams = list(Sprint.objects.order_by("team").values_list("team", flat=True).distinct())
    team = request.GET.get("team", teams[0] if teams else "")
    sprints = list(Sprint.objects.filter(team=team).order_by("-end_date", "-pk")[: SHOWN + 1])
    context = {
        "teams": teams, "team": team, "more": len(sprints) > SHOWN, "columns": [METRICS[key] for key in COLUMNS],
        "rows": [{"sprint": one, "cells": [_cell(one, key) for key in COLUMNS], "known": len(one.values)}
                 for one in sprints[:SHOWN]],
        "metrics": len(METRICS), "has_source": bool(settings.HUB_METRICS_API_URL),
    }  # fmt: skip
    return render(request, "retrospectives/sprints.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def new(request: HttpRequest) -> HttpResponse:
    """Enter a sprint by hand."""
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.VIEWER)
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One sprint with all its values; for operators the form to change them."""
    return _edit(request, get_object_or_404(Sprint, pk=pk))


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def import_sprints(request: HttpRequest) -> HttpResponse:
    """Keep the sprints of a file, and say what became of each."""
    context: dict[str, Any] = {"team": request.POST.get("team", request.GET.get("team", "")), "kept": None,
                               "problem": "", "metrics": METRICS.values(), "names": NAMES}
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None:
                raise RetrospectiveError("Choose a file.", "file")
            if file.size > MOST_BYTES:
                raise RetrospectiveError("The file is larger than 1 MB.", "file")
            context["kept"] = actions.import_file(file.read(), context["team"].strip()[:100])
        except RetrospectiveError as error:
            context["problem"] = error.message
        kept = context["kept"]
        if kept is not None and not kept.errors:
            messages.success(request, f"{len(kept.created)} sprints are new, {len(kept.updated)} were replaced.")
            first = Sprint.objects.filter(name__in=[*kept.created, *kept.updated]).order_by("-fetched_at").first()
            return redirect(f"{reverse('retrospectives:sprints')}?{urlencode({'team': first.team if first else ''})}")
    refused = context["problem"] or context["kept"] is not None
    return render(request, "retrospectives/import.html", context, status=422 if refused else 200)


@require_POST
@require(Role.OPERATOR)
def sync(request: HttpRequest) -> HttpResponse:
    """Fetch the newest sprints of a team from the source; shows the task."""
    team = request.POST.get("team", "").strip()
    try:
        task = enqueue(SyncMetrics, {"sprint_count": 20, "force_refresh": "force" in request.POST,
                                     **({"team_id": team} if team else {})}, subject=f"sprints:{team}")
    except TaskError as error:
        messages.warning(request, error.message)
        return redirect("retrospectives:sprints")
    return redirect("tasks:detail", task.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then delete it."""
    sprint = get_object_or_404(Sprint, pk=pk)
    if request.method != "POST":
        return render(request, "retrospectives/sprint_delete.html", {"sprint": sprint})
    actions.remove_sprint(sprint)
    messages.info(request, f"“{sprint.name}” is deleted.")
    return redirect(f"{reverse('retrospectives:sprints')}?{urlencode({'team': sprint.team})}")


@require(Role.OPERATOR)
def _save(request: HttpRequest, given: dict[str, str]) -> Sprint:
    return actions.enter(given)


def _edit(request: HttpRequest, sprint: Sprint | None) -> HttpResponse:
    given, problem, field = _given(sprint), "", ""
    if request.method == "POST":
        given = {name: request.POST.get(name, "") for name in (*NAMES, *METRICS)}
        if sprint is not None:  # what it is called by stays, else it would be another one
            given |= {"sprint_id": sprint.sprint_id, "team_id": sprint.team}
        try:
            kept = _save(request, given)
            messages.success(request, f"“{kept.name}” is kept.")
            return redirect(f"{reverse('retrospectives:sprints')}?{urlencode({'team': kept.team})}")
        except BadSprint as error:
            problem, field = error.message, error.field
    fields = [{"metric": one, "value": given.get(one.key, ""), "error": problem if field == one.key else ""}
              for one in METRICS.values()]
    context = {"sprint": sprint, "given": given, "problem": problem, "field": field, "fields": fields,
               "elsewhere": problem and field not in (*METRICS, *NAMES)}
    return render(request, "retrospectives/sprint.html", context, status=422 if problem else 200)


def _given(sprint: Sprint | None) -> dict[str, str]:
    if sprint is None:
        return {}
    return {"sprint_id": sprint.sprint_id, "sprint_name": sprint.name, "team_id": sprint.team,
            "start_date": str(sprint.start_date), "end_date": str(sprint.end_date),
            **{key: f"{value:g}" for key, value in sprint.values.items()}}


def _cell(sprint: Sprint, key: str) -> dict[str, Any]:
    value = sprint.values.get(key)
    return {"label": METRICS[key].label, "value": "–" if value is None else f"{value:,.1f}".removesuffix(".0")}
