"""REST: what runs. Every POST begins a task and says which; while the same is under way it names that one."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router, Status

from accounts.api_auth import allow
from accounts.models import Role
from projects import actions
from projects.api.registry import find_project, named_in_path
from projects.api.shapes import RollBackIn, StatusOut
from projects.observation import status_of
from tasks.api_shapes import Accepted
from tasks.shapes import accepted_dict

router = Router(tags=["Orchestration"])
OPERATOR = allow(Role.OPERATOR, by_project=True)


@router.post("/{project_id}/start", response={202: Accepted}, auth=OPERATOR, summary="Start a project")
def start(request: HttpRequest, project_id: int):
    return Status(202, accepted_dict(actions.start(find_project(project_id))))


@router.post("/{project_id}/stop", response={202: Accepted}, auth=OPERATOR, summary="Stop a project")
def stop(request: HttpRequest, project_id: int):
    return Status(202, accepted_dict(actions.stop(find_project(project_id))))


@router.post("/{project_id}/restart", response={202: Accepted}, auth=OPERATOR, summary="Restart a project")
def restart(request: HttpRequest, project_id: int):
    return Status(202, accepted_dict(actions.restart(find_project(project_id))))


@router.post("/{project_id}/restart/{service}", response={202: Accepted}, auth=OPERATOR, summary="Restart one service")
def restart_service(request: HttpRequest, project_id: int, service: str):
    with named_in_path("service"):
        return Status(202, accepted_dict(actions.restart_service(find_project(project_id), service)))


@router.post("/{project_id}/rollback", response={202: Accepted}, auth=OPERATOR, summary="Go back to a kept revision")
def roll_back(request: HttpRequest, project_id: int, body: RollBackIn | None = None):
    """Stops what runs and starts the kept definition, with its variables and images, on the ports leased now."""
    with named_in_path("revision"):
        return Status(202, accepted_dict(actions.roll_back(find_project(project_id), body and body.revision)))


@router.post("/{project_id}/build", response={202: Accepted}, auth=OPERATOR,
             summary="Build the images of a project that Dagger builds, without a start")
def build(request: HttpRequest, project_id: int):
    return Status(202, accepted_dict(actions.build(find_project(project_id))))


@router.get("/{project_id}/status", response=StatusOut, summary="Status of a project and its services")
def show_project_status(request: HttpRequest, project_id: int):
    return status_of(find_project(project_id))
