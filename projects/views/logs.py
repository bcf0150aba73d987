"""The log of a service: its tail, and what comes after while somebody looks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import require
from accounts.models import Role
from projects.errors import ProjectError
from projects.logs import MAX_TAIL, read_log, runs
from projects.models import Project
from projects.presentation.logline import LogLine, lines_of
from projects.views.page import page_context, project_or_404

TAIL = 300
AT_ONCE = 200
"""Lines that one poll adds at most; of more, the newest, after a gap. The page itself keeps the newest `KEPT`."""
KEPT = 1000
TAILS = (100, 300, 1000)


@require_safe
@require(Role.VIEWER)
def logs(request: HttpRequest, pk: int) -> HttpResponse:
    """The tail of one service's log in one run."""
    project = project_or_404(pk)
    names = _names(project)
    service = request.GET.get("service") or _first(project, names)
    tail = int(request.GET["tail"]) if request.GET.get("tail") in {str(number) for number in TAILS} else TAIL
    context = page_context(request, project, "logs") | {
        "names": names, "service": service, "tail": tail, "tails": TAILS, "q": request.GET.get("q", "")[:200],
        "kept": KEPT,
    }
    try:
        kept = runs(project)
        context |= {"runs": kept, "run": _number(request.GET.get("run")) or (kept[0] if kept else None)}
        context |= _tail(project, context) if service and kept else {"lines": []}
    except ProjectError as error:
        return render(request, "projects/logs.html", context | {"lines": [], "log_error": error}, status=404)
    return render(request, "projects/logs.html", context)


@require_safe
@require(Role.VIEWER)
def lines(request: HttpRequest, pk: int) -> HttpResponse:
    """What was added after `after`. 204 when that is nothing; the whole page again when a new run has begun."""
    project = project_or_404(pk)
    service, q = request.GET.get("service", ""), request.GET.get("q", "")[:200]
    run, after = _number(request.GET.get("run")), _number(request.GET.get("after")) or 0
    try:
        newest = next(iter(runs(project)), None)
        if newest is not None and newest != run:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        if newest is None:
            return HttpResponse(status=204)
        chunk = read_log(project, service, AT_ONCE, after, run)
    except ProjectError as error:
        return render(request, "projects/_follow.html", {"log_error": error, "project": project}, status=404)
    if chunk.offset == after:
        return HttpResponse(status=204)
    return render(request, "projects/_follow.html", {
        "project": project, "service": service, "run": run, "offset": chunk.offset, "q": q, "missed": chunk.missed,
        "lines": lines_of(chunk.lines, q), "appended": True, "following": True,
    })


@require_safe
@require(Role.VIEWER)
def file(request: HttpRequest, pk: int) -> HttpResponse:
    """The newest lines as a text file."""
    project = project_or_404(pk)
    service = request.GET.get("service", "")
    try:
        chunk = read_log(project, service, MAX_TAIL, None, _number(request.GET.get("run")))
    except ProjectError as error:
        return HttpResponse(f"{error.message}\n", status=404, content_type="text/plain; charset=utf-8")
    response = HttpResponse("".join(f"{line}\n" for line in chunk.lines), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{project.slug}-{chunk.run}.log"'
    return response


def _tail(project: Project, context: dict[str, Any]) -> dict[str, Any]:
    chunk = read_log(project, context["service"], context["tail"], None, context["run"])
    found: list[LogLine] = lines_of(chunk.lines, context["q"])
    return {"lines": found, "offset": chunk.offset, "read": len(chunk.lines), "missed": chunk.missed,
            "following": chunk.run == context["runs"][0]}


def _names(project: Project) -> list[str]:
    """What has a log: each service, or each of its instances."""
    names: list[str] = []
    for row in project.services.all():
        instances = [one["name"] for one in row.instances if isinstance(one, dict) and one.get("name")]
        names += instances if len(instances) > 1 else [row.name]
    return names


def _first(project: Project, names: list[str]) -> str:
    """The service whose log is most likely looked for: one that failed, else the first that is no one-shot."""
    rows = list(project.services.all())
    failed = [row.name for row in rows if row.state in ("failed", "restarting")]
    steady = [row.name for row in rows if row.kind == "service"]
    for wanted in (*failed, *steady):
        for name in names:
            if name == wanted or name.startswith(f"{wanted}."):
                return name
    return names[0] if names else ""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 15 else None
