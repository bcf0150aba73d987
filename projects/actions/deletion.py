"""Deleting a project."""

from __future__ import annotations

from django.db import transaction

from projects import worktrees
from projects.actions.wish import wish
from projects.errors import ProjectError
from projects.jobs import (
    DeleteProject,
)
from projects.models import Project
from projects.states import Desired
from tasks.actions import enqueue
from tasks.models import Task


def delete(project: Project, *, data: str = "keep", confirm: str = "") -> Task:
    """Stop the project and remove what Hub made for it. Data are kept unless `data="remove"` and `confirm` is its name.
    The user's own folder is never touched."""
    if data not in ("keep", "remove"):
        raise ProjectError("data must be keep or remove.", field="data")
    if data == "remove" and confirm != project.name:
        raise ProjectError("The name does not match: nothing was deleted.", field="confirm",
                           hint=f"Type {project.name} to remove its data as well.")
    if others := worktrees.users_of(project):
        raise ProjectError(f"{', '.join(others)} runs from the work tree of {project.name}.", code="conflict",
                           hint="Delete that one first.")
    with transaction.atomic():
        task = enqueue(DeleteProject, {"project": project.pk, "data": data}, subject=project.subject, node=project.node)
        wish(project, Desired.STOPPED)
    return task
