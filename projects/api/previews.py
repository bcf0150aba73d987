"""REST: what Hub would make of a folder."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from accounts.api_auth import allow
from accounts.models import Role
from projects import actions
from projects.api.shapes import Engine
from projects.errors import ProjectError
from projects.previewing import warnings_of
from projects.stacks.spec import StackError

router = Router(tags=["Projects"])


class WrongOut(Schema):
    """What is wrong, and what to do."""

    message: str
    field: str
    hint: str


class CandidateOut(Schema):
    """An engine that could run the folder, and the file that says what; `error` when that file cannot be read."""

    engine: Engine
    source: str
    error: WrongOut | None


class NeedOut(Schema):
    """A port that the project would have; `port` is free on this host now."""

    service: str
    container_port: int
    port: int


class WarningOut(Schema):
    """Something that would stop a start now (`blocking`), or is worth knowing before."""

    code: str
    message: str
    hint: str
    service: str
    blocking: bool


class PreviewOut(Schema):
    """`name` is one that no project has; `error` says why the folder cannot be a project, null when it can. Of a folder
    on another node nothing is read before the first start."""

    path: str
    name: str
    node: str = Field(description="the other node that the folder is on, empty for this one")
    engine: str = Field(description="the engine that would run it")
    engines: list[CandidateOut]
    services: list[str]
    ports: list[NeedOut]
    warnings: list[WarningOut]
    error: WrongOut | None


class FolderQuery(Schema):
    path: str = Field(max_length=4096, description="the folder")
    engine: Engine | None = Field(None, description="of the engines that could run it, this one")
    node: str = Field("", max_length=64, description="the node that the folder is on; this one when left out")


@router.get("/preview", response=PreviewOut, auth=allow(Role.OPERATOR), summary="Preview a folder")
def preview_project(request: HttpRequest, query: Query[FolderQuery]):
    """What Hub would make of a folder; nothing is changed."""
    seen = actions.preview(query.path, query.engine or "", query.node)
    definition = seen.definition
    return {
        "path": seen.path, "name": seen.name, "node": seen.node, "engine": definition.engine if definition else "",
        "engines": [{"engine": one.engine, "source": str(one.source), "error": _wrong(one.error)}
                    for one in seen.candidates],
        "services": [service.name for service in definition.services] if definition else [],
        "ports": [{"service": service, "container_port": inner, "port": port} for service, inner, port in seen.ports],
        "warnings": [{"code": one.code, "message": one.message, "hint": one.hint, "service": one.service,
                      "blocking": one.blocking} for one in warnings_of(definition, seen.ports)] if definition else [],
        "error": _wrong(seen.error),
    }  # fmt: skip


def _wrong(error: ProjectError | StackError | None) -> dict[str, Any] | None:
    return error and {"message": error.message, "field": getattr(error, "field", "path"), "hint": error.hint}
