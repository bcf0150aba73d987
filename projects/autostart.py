"""What is to start with Hub."""

from __future__ import annotations

from django.conf import settings

from events.context import acting
from projects import actions
from projects.errors import ProjectError
from projects.models import Project
from projects.states import ProjectState


def autostart() -> list[str]:
    """Start the projects of this node that are marked for it and do not run; called once when Hub is up. A line for
    each."""
    done = []
    at_rest = (ProjectState.STOPPED, ProjectState.FAILED)
    with acting(actor="hub", via="up"):
        for project in Project.objects.filter(node=settings.HUB_NODE, autostart=True, state__in=at_rest):
            try:
                actions.start_again(project)
            except (actions.SubjectBusy, ProjectError) as error:
                done.append(f"{project.name} could not be started with Hub: {error}")
            else:
                done.append(f"{project.name} starts with Hub.")
    return done
