"""REST: what runs without Hub, and its adoption."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListOut, PartQuery, listed
from projects import adoption, environment
from projects.api import shapes
from projects.api.registry import find_project
from projects.observation import project_dict

router = Router(tags=["Projects"])
OPERATOR = allow(Role.OPERATOR)


class AdoptableOut(Schema):
    """Something that is no project of this Hub. `adopt`: what to post to adopt it; `state`: `running` or `stopped`;
    `origin`: who started it; `error` says why it cannot be adopted, null when it can; `warnings` what to know before;
    `ports` are the host ports on which it answers."""

    adopt: str
    name: str
    state: str
    origin: str
    engine: str
    path: str
    services: list[str]
    ports: list[int]
    error: str | None
    hint: str | None
    warnings: list[str]


class AdoptableList(ListOut):
    items: list[AdoptableOut]


class AdoptIn(Schema):
    """`adopt`: as the list says it; `name`: of the project, the same as of what is adopted when left out."""

    model_config = ConfigDict(extra="forbid")

    adopt: str
    name: str = Field("", description="the name of the project; that of what runs when left out")


@router.get("/adoptable", response=AdoptableList, auth=OPERATOR, summary="List what runs without Hub")
def list_adoptable(request: HttpRequest, query: Query[PartQuery]):
    """Compose projects on this Hub's Docker host that are no project, and stacks whose entry this Hub has lost."""
    items = [
        {"adopt": one.key, "name": one.name, "state": "running" if one.runs else "stopped", "origin": one.origin,
         "engine": one.engine, "path": one.path, "services": one.services, "ports": one.ports,
         "error": one.error.message if one.error else None, "hint": one.error.hint if one.error else None,
         "warnings": one.warnings}
        for one in adoption.adoptable()
    ]
    return listed(items, query, name="adoptable", key=lambda one: [one["name"], one["adopt"]])


@router.post("/adoptable", response={201: shapes.ProjectOut}, auth=OPERATOR, summary="Adopt what runs, as it runs")
def adopt(request: HttpRequest, body: AdoptIn):
    """It becomes a project on the ports that it has. Nothing is restarted."""
    project = find_project(adoption.adopt(body.adopt, name=body.name).pk)
    return Status(201, project_dict(project) | {"env": environment.masked(environment.load(project))})
