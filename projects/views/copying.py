"""A second project beside the first."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import require
from accounts.models import Role
from projects import actions, names, worktrees
from projects.binding import home_of
from projects.engines.sizes import size_of
from projects.errors import ProjectError
from projects.forms import CopyForm
from projects.models import Project
from projects.presentation.words import size
from projects.remains import remains_of
from projects.views.page import page_context, project_or_404
from tasks.actions import SubjectBusy


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """The page with the suggested name and ports; a POST makes the copy, and starts it when it is asked to."""
    project = project_or_404(pk)
    if request.method != "POST":
        form = CopyForm(initial={"name": names.free_name(project.name)})
        return render(request, "projects/copy.html", _context(request, project, form))
    form = CopyForm(request.POST)
    made = _make(project, form) if form.is_valid() else None
    if made is None:
        return render(request, "projects/copy.html", _context(request, project, form), status=422)
    if request.POST.get("then") == "start":
        try:
            actions.start(made)
        except SubjectBusy as busy:  # its data are copied first, or somebody was quicker and starts it already
            messages.info(request, f"{busy.task.title} is under way; start it when that has ended.")
    return redirect("projects:detail", pk=made.pk)


def _make(project: Project, form: CopyForm) -> Project | None:
    values = form.cleaned_data
    try:
        return actions.copy_project(project, name=values["name"], path=values["path"].strip() or None,
                                    branch=values["branch"] or None, with_data=values["with_data"])
    except ProjectError as error:
        form.refuse(error)
        return None


def _context(request: HttpRequest, project: Project, form: CopyForm) -> dict[str, Any]:
    seen = actions.preview(project.path, project.engine)
    leases = {(lease.service, lease.container_port): lease.host_port
              for lease in project.leases.order_by("-instance")}
    return page_context(request, project, "copy") | {
        "form": form,
        "seen": seen,
        "ports": [{"service": service, "now": leases.get((service, inner)), "free": free}
                  for service, inner, free in seen.ports],
        "branches": worktrees.branches(project.path),
        "data": _data_of(project),
    }


def _data_of(project: Project) -> str:
    """How much its services keep, in words; empty when that is nothing, or cannot be seen now."""
    folder = home_of(project.slug) / "data"
    sizes = [size_of(folder)] if folder.is_dir() else []
    try:
        sizes += [remain.size for remain in remains_of(project) if remain.kind == "volume"]
    except ProjectError:
        return size(sizes[0]) if sizes else ""
    return size(sum(one or 0 for one in sizes)) if sizes else ""
