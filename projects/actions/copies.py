"""A second project beside a first."""

from __future__ import annotations

from django.db import transaction

from events.actions import record
from projects import environment, names, placement, worktrees
from projects.actions.registration import create_project
from projects.errors import ProjectError
from projects.jobs import (
    CopyData,
)
from projects.models import Project
from projects.states import ProjectState
from tasks.actions import enqueue


def copy_project(project: Project, *, name: str, path: str | None = None, branch: str | None = None,
                 with_data: bool = False) -> Project:
    """A second project beside the first: own name, ports, data and environment (taken over from the first).

    The folder is the same one, another one (`path`), or a new git work tree of `branch`, in Hub's data folder or at
    `path`. `with_data` copies what the services put into HUB_STACK_DATA, by a task; the first must be stopped for that.
    """
    name = names.checked(name)
    if with_data and project.state not in (ProjectState.STOPPED, ProjectState.FAILED):
        raise ProjectError(f"{project.name} is {project.state}: its data can only be copied while it is stopped.",
                           field="with_data", code="conflict", hint="Stop it first, or copy without data.")
    if branch:
        placement.require_here(project, "its git repository", "branch")
    tree = worktrees.add(project, names.free_slug(name), branch, path) if branch else None
    try:
        with transaction.atomic():
            copy = create_project(name=name, path=str(tree or path or project.path), engine=project.engine,
                                  env=environment.load(project), copied_from=project, node=project.node)
            if with_data:
                enqueue(CopyData, {"project": copy.pk, "from": project.pk}, subject=copy.subject, node=copy.node)
            record("project.copied", {"project": copy.pk, "name": copy.name, "from": project.pk,
                                      "branch": branch or ""}, about=copy.subject)
    except BaseException:
        if tree is not None:
            worktrees.remove(tree)
        raise
    return copy
