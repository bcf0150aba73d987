"""REST: the host ports of a project."""

from __future__ import annotations

from django.http import Http404, HttpRequest
from ninja import Router

from accounts.api_auth import allow
from accounts.models import Role
from projects import actions
from projects.api.registry import find_project
from projects.api.shapes import PortOut
from projects.models import PortLease
from projects.observation import project_dict

router = Router(tags=["Projects"])


@router.post("/{project_id}/ports/{port}/release", response=PortOut, auth=allow(Role.OPERATOR, by_project=True),
             summary="Lease another port in the place of one")
def release_port(request: HttpRequest, project_id: int, port: int):
    """For one that a foreign process took. Only while the project is at rest; answers the port that it has now."""
    project = find_project(project_id)
    lease = PortLease.objects.filter(project=project, host_port=port).first()
    if lease is None:
        raise Http404(f"{project.name} has no port {port}.")
    now = actions.release_port(project, lease.pk).host_port
    return next(one for one in project_dict(find_project(project_id))["ports"] if one["port"] == now)
