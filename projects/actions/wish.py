"""What a project should be, and when it is at rest."""

from __future__ import annotations

from projects.models import Project
from projects.states import ProjectState

AT_REST = frozenset({ProjectState.STOPPED, ProjectState.FAILED})


def wish(project: Project, desired: str) -> None:
    """Write down whether the project should run."""
    Project.objects.filter(pk=project.pk).update(desired=desired)
    project.desired = desired
