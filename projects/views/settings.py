"""What can be changed of a project: its name, whether it starts with Hub, its ports."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import require
from accounts.models import Role
from projects import actions
from projects.errors import ProjectError
from projects.forms import PORT_PREFIX, SettingsForm, chosen_ports
from projects.models import Project
from projects.presentation.named import named_ports
from projects.views.page import page_context, project_or_404


@require_http_methods(["GET", "HEAD", "POST"])
@require(Role.OPERATOR, by_project=True)
def settings(request: HttpRequest, pk: int) -> HttpResponse:
    project = project_or_404(pk)
    if request.method != "POST":
        form = SettingsForm(initial={"name": project.name, "autostart": project.autostart,
                                     "return_to_good": project.return_to_good})
        return render(request, "projects/settings.html", _context(request, project, form))
    form = SettingsForm(request.POST)
    ports, errors = chosen_ports(request.POST)
    if not form.is_valid() or errors or not _change(project, form, ports):
        context = _context(request, project_or_404(pk), form, errors)
        return render(request, "projects/settings.html", context, status=422)
    messages.success(request, "Saved.")
    return redirect("projects:settings", pk=pk)


def _change(project: Project, form: SettingsForm, ports: dict[str, int]) -> bool:
    held = {f"{lease.service}:{lease.container_port}": lease.host_port
            for lease in project.leases.filter(instance=1)}
    changed = {name: port for name, port in ports.items() if held.get(name) != port}
    try:
        actions.update_project(project, name=form.cleaned_data["name"], autostart=form.cleaned_data["autostart"],
                               ports=changed or None, return_to_good=form.cleaned_data["return_to_good"])
    except ProjectError as error:
        form.refuse(error)
        return False
    return True


def _context(request: HttpRequest, project: Project, form: SettingsForm,
             errors: dict[str, str] | None = None) -> dict[str, Any]:
    typed = request.POST
    ports, named = [], named_ports(project)
    for lease in project.leases.order_by("service", "container_port", "instance"):
        field = f"{PORT_PREFIX}{lease.service}:{lease.container_port}"
        ports.append({
            "field": field,
            "service": lease.service if lease.instance == 1 else f"{lease.service}.{lease.instance}",
            "inner": lease.container_port if (lease.service, lease.container_port) in named else None,
            "value": typed.get(field, lease.host_port) if lease.instance == 1 else lease.host_port,
            "editable": lease.instance == 1,
            "error": (errors or {}).get(field, "") if lease.instance == 1 else "",
        })
    return page_context(request, project, "settings") | {
        "form": form,
        "ports": ports,
        "numbered": any(port["inner"] for port in ports),
        "revisions": project.revisions.values("number", "created_at", "started_ok")[:8],
    }
