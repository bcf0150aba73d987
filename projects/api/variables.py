"""REST: the environment of a project, variable by variable."""

from __future__ import annotations

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from events.actions import record
from events.api_lists import ListOut, PartQuery, listed
from projects import actions
from projects.api.registry import find_project
from projects.environment import load
from projects.presentation.variable import VariableRow, rows_of, rows_of_folder

router = Router(tags=["Projects"])
OPERATOR = allow(Role.OPERATOR, by_project=True, payloads=True)


class VariableOut(Schema):
    """A variable. `secret`: `value` is a mask; `origin`: set for the `project`, or by its `folder`."""

    name: str
    value: str
    secret: bool
    origin: str


class VariableList(ListOut):
    items: list[VariableOut]


class VariablesIn(Schema):
    """What is not named stays as it is."""

    model_config = ConfigDict(extra="forbid")

    set: dict[str, str] = Field({}, description="new variables, and new values of others")
    remove: list[str] = Field([], max_length=1000, description="names of variables that are taken away")


class NamedIn(Schema):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=300, description="of a variable of the project")


class ShownOut(Schema):
    name: str
    value: str


@router.get("/{project_id}/environment", response=VariableList, summary="List the variables of a project")
def list_variables(request: HttpRequest, project_id: int, query: Query[PartQuery]):
    """Its own, and those that its folder sets; secrets masked."""
    project = find_project(project_id)
    return listed(_variables(project), query, name="variables", key=lambda one: [one["name"]])


@router.patch("/{project_id}/environment", response=VariableList, auth=OPERATOR,
              summary="Set and remove variables")
def change_variables(request: HttpRequest, project_id: int, body: VariablesIn):
    """They count from the next start; what runs keeps what it has."""
    project = find_project(project_id)
    kept = {name: value for name, value in load(project).items() if name not in body.remove}
    actions.update_project(project, env={**kept, **body.set})
    return listed(_variables(project), PartQuery(limit=200), name="variables", key=lambda one: [one["name"]])


@router.post("/{project_id}/environment/show", response=ShownOut, auth=OPERATOR,
             summary="Show a variable in the clear")
def show_variable(request: HttpRequest, project_id: int, body: NamedIn):
    """Also a secret; that it was shown is kept in the audit log."""
    project = find_project(project_id)
    variables = load(project)
    if body.name not in variables:
        raise Http404("There is no such variable.")
    record("audit.environment-shown", {"project": project.pk, "name": project.name, "variable": body.name},
           about=project.subject)
    return {"name": body.name, "value": variables[body.name]}


def _variables(project) -> list[dict]:
    own = load(project)
    return [_row(row, "project") for row in rows_of(own)] + [
        _row(row, "folder") for row in rows_of_folder(project, own)]


def _row(row: VariableRow, origin: str) -> dict:
    return {"name": row.name, "value": row.value, "secret": row.secret, "origin": origin}
