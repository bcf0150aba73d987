"""REST: what is registered. Orchestration (what runs) has its own paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Literal, get_args

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Query, Router, Status

from accounts.api_auth import allow
from accounts.models import Role
from events.api_lists import ListQuery, PartQuery, listed
from events.keyset import take
from projects import actions, comparison, environment, revisions
from projects.api import shapes
from projects.errors import ProjectError
from projects.models import Project
from projects.observation import project_dict
from projects.remains import remains_of
from projects.stats import stats
from projects.usage import history_of
from tasks.api_shapes import Accepted
from tasks.shapes import accepted_dict

router = Router(tags=["Projects"])
OPERATOR = allow(Role.OPERATOR, by_project=True)
KINDS = get_args(shapes.Difference)


@router.get("", response=shapes.ProjectList, summary="List projects")
def list_projects(request: HttpRequest, query: Query[ListQuery]):
    projects = Project.objects.prefetch_related("services", "leases")
    part = take(projects, limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [project_dict(project) for project in part.items], "next_cursor": part.next_cursor}


@router.post("", response={201: shapes.ProjectOut}, auth=allow(Role.OPERATOR), summary="Register a folder")
def create_project(request: HttpRequest, body: shapes.ProjectIn):
    """The same folder may be registered many times: each project has its own ports, data and environment."""
    project = actions.create_project(
        name=body.name, path=body.path, engine=body.engine or "", ports=body.all_ports(), env=body.env,
        autostart=body.autostart, node=body.node,
    )
    return Status(201, _shaped(project.pk))


@router.get("/stats", response=shapes.Stats, summary="Count projects, services and ports")
def show_stats(request: HttpRequest):
    return stats()


@router.get("/{project_id}", response=shapes.ProjectOut, summary="Show a project")
def show_project(request: HttpRequest, project_id: int):
    return _shaped(project_id)


@router.patch("/{project_id}", response=shapes.ProjectOut, auth=OPERATOR, summary="Change a project")
def change_project(request: HttpRequest, project_id: int, body: shapes.ProjectPatch):
    """What runs is not touched: variables and ports count from the next start."""
    project = find_project(project_id)
    changes = body.given()
    if "env" in changes:
        changes["env"] = environment.unmasked(changes["env"], environment.load(project))
    actions.update_project(project, **changes)
    return _shaped(project_id)


@router.delete("/{project_id}", response={202: Accepted}, auth=OPERATOR, summary="Delete a project")
def delete_project(
    request: HttpRequest, project_id: int, data: Literal["keep", "remove"] = "keep", confirm: str = ""
):
    """Its data are kept unless `data=remove` and `confirm` is its name. Its own folder is never touched."""
    return Status(202, accepted_dict(actions.delete(find_project(project_id), data=data, confirm=confirm)))


@router.get("/{project_id}/remains", response=shapes.Remains, summary="Preview a delete")
def show_remains(request: HttpRequest, project_id: int, query: Query[PartQuery]):
    """Everything that a delete would remove."""
    items = [asdict(remain) for remain in remains_of(find_project(project_id))]
    return listed(items, query, name="remains", key=lambda one: [one["is_data"], one["kind"], one["name"]])


@router.post("/{project_id}/copy", response={201: shapes.ProjectOut}, auth=allow(Role.OPERATOR),
             summary="Copy a project")
def copy_project(request: HttpRequest, project_id: int, body: shapes.CopyIn):
    copy = actions.copy_project(
        find_project(project_id), name=body.name, path=body.path, branch=body.branch, with_data=body.with_data,
    )
    return Status(201, _shaped(copy.pk))


@router.get("/{project_id}/revisions", response=shapes.Revisions, summary="List the kept revisions")
def list_revisions(request: HttpRequest, project_id: int, query: Query[ListQuery]):
    """What each start ran; a bounded number is kept."""
    part = take(find_project(project_id).revisions.defer("environment"), limit=query.limit, cursor=query.cursor,
                ascending=query.order == "asc")
    return {"items": part.items, "next_cursor": part.next_cursor}


@router.get("/{project_id}/revisions/{number}/differences", response=shapes.Differences,
            summary="Compare a kept revision")
def compare_revision(
    request: HttpRequest, project_id: int, number: int, query: Query[PartQuery],
    to: int | None = Query(None, ge=1, description="another kept revision; without it, what the folder says now"),
):
    """What differs from it: definition, variables (secrets masked), ports and image digests."""
    project = find_project(project_id)
    with named_in_path("revision"):
        before = comparison.of_revision(revisions.find(project, number))
        after = comparison.of_folder(project) if to is None else comparison.of_revision(revisions.find(project, to))
    items = [asdict(one) for one in comparison.differences(before, after)]
    return listed(items, query, name="differences", key=lambda one: [KINDS.index(one["kind"]), one["name"]])


@router.get("/{project_id}/usage", response=shapes.UsageOut, summary="Use of the last hour")
def show_usage(request: HttpRequest, project_id: int):
    """Measured while the project runs, in stretches of half a minute."""
    history = history_of(find_project(project_id), timezone.now())
    return {"times": history.times, "services": history.services}


def find_project(project_id: int) -> Project:
    """The project of that id, or 404."""
    try:
        return Project.objects.get(pk=project_id)
    except Project.DoesNotExist:
        raise Http404(f"There is no project {project_id}.") from None


@contextmanager
def named_in_path(*fields: str) -> Iterator[None]:
    """What the address names and the project does not have is 404, not bad input."""
    try:
        yield
    except ProjectError as error:
        if error.field in fields and error.code == "invalid":
            raise Http404(f"{error.message} {error.hint}".strip()) from None
        raise


def _shaped(project_id: int) -> dict:
    # Always read anew: what the request changed was changed in the database, not in the rows at hand.
    project = find_project(project_id)
    return {**project_dict(project), "env": environment.masked(environment.load(project))}
