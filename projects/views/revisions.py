"""The revisions of a project: what each start ran, what differs between two of them, and the way back to one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require
from accounts.models import Role
from projects import actions, comparison
from projects.errors import ProjectError
from projects.models import Project
from projects.presentation.revision import rows_of
from projects.revisions import KEPT, find
from projects.views.lifecycle import act
from projects.views.page import page_context, project_or_404

FOLDER = "folder"


@require_safe
@require(Role.VIEWER, by_project=True)
@never_cache
def revisions(request: HttpRequest, pk: int) -> HttpResponse:
    """The kept revisions, and what differs between `from` and `to` (numbers, or `folder`)."""
    project = project_or_404(pk)
    kept = list(project.revisions.defer("environment"))
    context = page_context(request, project, "revisions") | {
        "rows": rows_of(kept, timezone.now()), "bound": KEPT, "folder": FOLDER,
    }
    if not kept:
        return render(request, "projects/revisions.html", context)
    before, after = request.GET.get("from", ""), request.GET.get("to", "")
    if not before:
        before, after = str(kept[0].number), after or FOLDER
    context |= {"before": before, "after": after or str(kept[0].number)}
    try:
        context |= {"differences": _differences(project, before, context["after"])}
    except ProjectError as error:
        status = 404 if error.field == "revision" else 200
        return render(request, "projects/revisions.html", context | {"compare_error": error}, status=status)
    return render(request, "projects/revisions.html", context)


@require_POST
@require(Role.OPERATOR, by_project=True)
def roll_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop what runs, and start the kept revision of the number in the form; without one, the last good."""
    text = request.POST.get("revision", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    return act(request, pk, lambda project: actions.roll_back(project, number))


def _differences(project: Project, before: str, after: str) -> list[comparison.Difference]:
    return comparison.differences(_ran(project, before), _ran(project, after))


def _ran(project: Project, name: str) -> Any:
    if name == FOLDER:
        return comparison.of_folder(project)
    if not (name.isascii() and name.isdigit() and len(name) < 10):
        raise ProjectError(f"{name[:40]!r} is no revision.", field="revision", hint="Choose of those that are kept.")
    return comparison.of_revision(find(project, int(name)))
