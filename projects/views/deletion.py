"""Deleting a project: first what goes and what stays, then the name for those who want the data gone too."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import require
from accounts.models import Role
from projects import actions
from projects.errors import ProjectError
from projects.forms import DeleteForm
from projects.models import Project
from projects.presentation.remain import goes, stays
from projects.remains import remains_of
from projects.views.page import Refusal, page_context, project_or_404
from tasks.actions import SubjectBusy
from tasks.models import Task


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR, by_project=True)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """The preview; a POST begins the delete and leads to its task, which outlives the project."""
    project = project_or_404(pk)
    if request.method != "POST":
        return render(request, "projects/delete.html", _context(request, project, DeleteForm()))
    form = DeleteForm(request.POST)
    try:
        task = _begin(project, form) if form.is_valid() else None
    except SubjectBusy as busy:
        refusal = Refusal.of(busy)
        return render(request, "projects/delete.html", _context(request, project, form, refusal), status=refusal.status)
    if task is None:
        return render(request, "projects/delete.html", _context(request, project, form), status=422)
    return redirect("tasks:detail", pk=task.pk)


def _begin(project: Project, form: DeleteForm) -> Task | None:
    try:
        return actions.delete(project, data=form.cleaned_data["data"], confirm=form.cleaned_data["confirm"])
    except ProjectError as error:
        form.refuse(error)
        return None


def _context(request: HttpRequest, project: Project, form: DeleteForm,
             refusal: Refusal | None = None) -> dict[str, Any]:
    remains, unreadable = [], ""
    try:
        remains = remains_of(project)
    except ProjectError as error:
        unreadable = f"{error.message} {error.hint}".strip()
    return page_context(request, project, "delete", refusal) | {
        "form": form,
        "goes": goes(remains),
        "data": [remain for remain in remains if remain.is_data],
        "stays": stays(project),
        "unreadable": unreadable,
    }
