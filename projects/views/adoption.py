"""Adopting what runs already: the list of it, and a button for each."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import require
from accounts.models import Role
from projects import adoption
from projects.errors import ProjectError


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def adopt(request: HttpRequest) -> HttpResponse:
    """The page; a POST adopts the one that its button names, and leads to the project."""
    if request.method != "POST":
        return render(request, "projects/adopt.html", _context())
    try:
        project = adoption.adopt(request.POST.get("adopt", ""))
    except ProjectError as error:
        return render(request, "projects/adopt.html", _context() | {"refused": error}, status=422)
    return redirect("projects:detail", pk=project.pk)


@require_safe
@require(Role.OPERATOR)
def found(request: HttpRequest) -> HttpResponse:
    """What can be adopted, for the page that adds a project; nothing where nothing runs, or no Docker."""
    context = _context()
    if not any(one.runs for one in context["adoptable"]):
        return HttpResponse()
    return render(request, "projects/_adoptable.html", context)


def _context() -> dict[str, Any]:
    seen = adoption.survey()
    return {"adoptable": seen.found, "unreadable": seen.unreadable}
