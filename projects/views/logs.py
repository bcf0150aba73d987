"""The logs of a project: one service or all of them by time; the tail, what comes after, what is looked for, a file."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import require
from accounts.models import Role
from projects.engines.base import EngineError
from projects.errors import ProjectError
from projects.logs import MAX_QUERY, read_all, runs, search, since_of, sources_in, stream
from projects.models import Project
from projects.presentation.download import log_file
from projects.presentation.logline import entry_lines
from projects.views.page import page_context, project_or_404

TAIL = 300
AT_ONCE = 200
"""Lines that one poll adds at most; of more, the newest, after a gap. The page itself keeps the newest `KEPT`."""
KEPT = 1000
TAILS = (100, 300, 1000)
SINCE = {"": "Any time", "5m": "Last 5 minutes", "30m": "Last 30 minutes", "2h": "Last 2 hours", "1d": "Last day"}
LONGEST_CURSOR = 20_000


@require_safe
@require(Role.VIEWER, by_project=True, payloads=True)
def logs(request: HttpRequest, pk: int) -> HttpResponse:
    """The tail of a run's log, or what is found in all that is kept of it."""
    project = project_or_404(pk)
    names = sources_in(project)
    service = request.GET.get("service", _first(project, names))
    tail = int(request.GET["tail"]) if request.GET.get("tail") in {str(number) for number in TAILS} else TAIL
    since = request.GET.get("since", "") if request.GET.get("since") in SINCE else ""
    context = page_context(request, project, "logs") | {
        "names": names, "service": service, "tail": tail, "tails": TAILS, "q": request.GET.get("q", "")[:MAX_QUERY],
        "since": since, "sinces": SINCE, "kept": KEPT, "lines": [],
    }
    try:
        kept = runs(project)
        context |= {"runs": kept, "run": _number(request.GET.get("run")) or (kept[0] if kept else None)}
        if names and kept:
            context |= _shown(project, context)
    except (ProjectError, EngineError) as error:
        return render(request, "projects/logs.html", context | {"log_error": error}, status=404)
    return render(request, "projects/logs.html", context)


@require_safe
@require(Role.VIEWER, by_project=True, payloads=True)
def lines(request: HttpRequest, pk: int) -> HttpResponse:
    """What was added after `after`. 204 when that is nothing; the whole page again when a new run has begun."""
    project = project_or_404(pk)
    service, q = request.GET.get("service", ""), request.GET.get("q", "")[:MAX_QUERY]
    run, after = _number(request.GET.get("run")), request.GET.get("after", "")[:LONGEST_CURSOR]
    try:
        newest = next(iter(runs(project)), None)
        if newest is not None and newest != run:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        if newest is None:
            return HttpResponse(status=204)
        sources = sources_in(project, service)
        part = read_all(project, sources, AT_ONCE, after, run)
    except (ProjectError, EngineError) as error:
        return render(request, "projects/_follow.html", {"log_error": error, "project": project}, status=404)
    if part.cursor == after:
        return HttpResponse(status=204)
    return render(request, "projects/_follow.html", {
        "project": project, "service": service, "run": run, "cursor": part.cursor, "q": q, "missed": part.missed,
        "lines": entry_lines(part.entries, q), "many": len(sources) > 1, "appended": True, "following": True,
    })


@require_safe
@require(Role.VIEWER, by_project=True, payloads=True)
def file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """All that is kept, as a text file."""
    project = project_or_404(pk)
    try:
        sources = sources_in(project, request.GET.get("service", ""))
        run = _number(request.GET.get("run")) or next(iter(runs(project)), None)
        entries = stream(project, sources, run, since_of(request.GET.get("since", "")))
    except (ProjectError, EngineError) as error:
        return HttpResponse(f"{error.message}\n", status=404, content_type="text/plain; charset=utf-8")
    return log_file(f"{project.slug}-{run or 0}.log", entries, several=len(sources) > 1)


def _shown(project: Project, context: dict[str, Any]) -> dict[str, Any]:
    sources = sources_in(project, context["service"])
    run, since, q = context["run"], since_of(context["since"]), context["q"]
    tail = read_all(project, sources, 1 if q else context["tail"], run=run, since=since)
    shown = {"cursor": tail.cursor, "following": run == context["runs"][0], "many": len(sources) > 1}
    if not q:
        return shown | {"lines": entry_lines(tail.entries)}
    found = search(project, q, sources, run, since)
    return shown | {"lines": entry_lines(found.entries[-context["tail"]:], q), "found": found}


def _first(project: Project, names: list[str]) -> str:
    """The service whose log is most likely looked for: one that failed, else all of them."""
    failed = list(project.services.filter(state__in=("failed", "restarting")).values_list("name", flat=True))
    for wanted in failed:
        for name in names:
            if name == wanted or name.startswith(f"{wanted}."):
                return name
    return names[0] if len(names) == 1 else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 15 else None
