"""Adding a project: choose a folder, see what it runs and which ports it would get, then save."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import require
from accounts.models import Role
from projects import actions, placement
from projects.engines.registry import ENGINES
from projects.errors import ProjectError
from projects.examples import examples
from projects.forms import ProjectForm, chosen_ports
from projects.models import Project
from projects.presentation.folder import engines_in, services_in
from projects.previewing import warnings_of
from projects.stacks import folders
from projects.stacks.spec import StackError
from tasks.actions import SubjectBusy
from tasks.nodes import registry


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR)
def new(request: HttpRequest) -> HttpResponse:
    """The page; a POST saves, unless its button only asks to look at the folder."""
    if request.method != "POST":
        return render(request, "projects/new.html", _context(request.GET))
    if "look" in request.POST:
        return render(request, "projects/new.html", _context(request.POST))
    form = ProjectForm(request.POST)
    ports, errors = chosen_ports(request.POST)
    project = _create(form, ports) if form.is_valid() and not errors else None
    if project is None:
        return render(request, "projects/new.html", _context(request.POST, form, errors), status=422)
    if request.POST.get("then") == "start":
        try:
            actions.start(project)
        except SubjectBusy:  # somebody saw it in the list and was quicker: it starts already
            return redirect("projects:detail", pk=project.pk)
    return redirect("projects:detail", pk=project.pk)


@require_safe
@require(Role.OPERATOR)
def browser(request: HttpRequest) -> HttpResponse:
    """The folders at `path`, and beside them what Hub found there."""
    return render(request, "projects/_browser.html", _context(request.GET) | {"with_preview": True})


@require_safe
@require(Role.OPERATOR)
def preview(request: HttpRequest) -> HttpResponse:
    """What Hub found at `path`, to be run with `engine`."""
    return render(request, "projects/_preview.html", _context(request.GET))


def _create(form: ProjectForm, ports: dict[str, int]) -> Project | None:
    values = form.cleaned_data
    try:
        return actions.create_project(name=values["name"], path=values["path"], engine=values["engine"], ports=ports,
                                      autostart=values["autostart"], node=values["node"])
    except ProjectError as error:
        form.refuse(error)
        return None


def _context(data: QueryDict, form: ProjectForm | None = None,
             port_errors: dict[str, str] | None = None) -> dict[str, Any]:
    path, engine, node = data.get("path", ""), data.get("engine", ""), data.get("node", "")
    seen = actions.preview(path, engine, node) if path else None
    if seen is not None and seen.definition is not None:
        engine = engine or seen.definition.engine
    if form is None:
        name = data.get("name", "")
        # A name that Hub suggested for another folder goes with that folder.
        if seen is not None and (not name or name == data.get("suggested")):
            name = seen.name
        form = ProjectForm(initial={"path": seen.path if seen else path, "name": name, "node": node})
    return {
        "form": form,
        "seen": seen,
        "engine": engine,
        "engines": engines_in(seen) if seen else [],
        "warnings": warnings_of(seen.definition, seen.ports) if seen and seen.definition else [],
        "same": _same(seen, node) if seen else [],
        "services": services_in(seen, data, port_errors or {}) if seen else [],
        **_place(node, path),
    }


def _same(seen: actions.Preview, node: str) -> QuerySet[Project]:
    return Project.objects.filter(path=seen.path, node=node or settings.HUB_NODE).only("name")


def _place(node: str, path: str) -> dict[str, Any]:
    """Where to choose a folder: from the listing of this node, or on another, which cannot be listed from here."""
    nodes = registry.names()
    context = {"nodes": nodes if len(nodes) > 1 else [], "node": node or settings.HUB_NODE,
               "here": settings.HUB_NODE}
    if node in nodes and not placement.is_here(node):
        return context | {"elsewhere": node, "every_engine": list(ENGINES)}
    return context | {"elsewhere": "", "examples": examples(), **_listing(path)}


def _listing(path: str) -> dict[str, Any]:
    """The folders to choose from: those in `path`, or beside it when it holds none, or cannot be shown."""
    top = Path(os.path.realpath(settings.HUB_PROJECTS_ROOT))
    try:
        listing = _browse(top, path)
    except StackError as error:
        return {"top": top, "listing": None, "listing_error": error}
    below = Project.objects.filter(node=settings.HUB_NODE, path__startswith=str(listing.path))
    return {
        "top": top,
        "listing": listing,
        "trail": [folder for folder in reversed(listing.path.parents) if folder.is_relative_to(top)],
        "taken": {Path(path) for path in below.values_list("path", flat=True)},
    }


def _browse(top: Path, path: str) -> folders.Listing:
    try:
        listing = folders.browse(top, path or None)
    except StackError:
        return folders.browse(top)
    if not listing.entries and listing.parent is not None:
        return folders.browse(top, str(listing.parent))
    return listing
