"""Starting, stopping, restarting, going back and building: each is one task."""

from __future__ import annotations

from django.db import transaction

from projects import revisions
from projects.actions.wish import wish
from projects.errors import ProjectError
from projects.jobs import (
    BuildImages,
    RestartService,
    RestartStack,
    RollBack,
    StartStack,
    StopStack,
)
from projects.models import Project
from projects.moves import move
from projects.states import Desired, ProjectState
from tasks.actions import active_on, enqueue
from tasks.models import Task


def start(project: Project, reason: str = "", revision: int | None = None) -> Task:
    """Start every service, as the folder says now, or as a kept `revision` was. The task is the one that is active when
    the same was asked already; SubjectBusy when another is. `reason` says why Hub itself starts it."""
    kept = {} if revision is None else {"revision": revisions.find(project, revision).number}
    with transaction.atomic():
        task = enqueue(StartStack, {"project": project.pk, **kept}, subject=project.subject, node=project.node)
        begins = project.state != ProjectState.RUNNING or reason
        if not (begins and move(project, ProjectState.STARTING, reason=reason, desired=Desired.RUNNING)):
            wish(project, Desired.RUNNING)
    return task


def start_again(project: Project, reason: str = "") -> Task:
    """Start what ran last, for Hub itself: a project that somebody (or Hub) took back to a kept revision stays there;
    every other is started as its folder says now."""
    last = project.revisions.first()
    return start(project, reason, last.number if last is not None and last.restored is not None else None)


def roll_back(project: Project, revision: int | None = None) -> Task:
    """Stop what runs and start a kept revision: by number, else the newest good one before what was started last.
    ProjectError when there is none."""
    if revision is None:
        last = project.revisions.first()
        good = revisions.last_good(project, before=last.number if last else None)
        if good is None:
            raise ProjectError(f"{project.name} has no earlier revision that became healthy.", field="revision",
                               code="conflict", hint="Name one of those that are kept.")
        number = good.number
    else:
        number = revisions.find(project, revision).number
    with transaction.atomic():
        task = enqueue(RollBack, {"project": project.pk, "revision": number}, subject=project.subject,
                       node=project.node)
        wish(project, Desired.RUNNING)
    return task


def stop(project: Project) -> Task:
    """Stop every service, and prove it. SubjectBusy while another task is active: cancelling that one stops a start."""
    with transaction.atomic():
        task = enqueue(StopStack, {"project": project.pk}, subject=project.subject, node=project.node)
        if not move(project, ProjectState.STOPPING, desired=Desired.STOPPED):
            wish(project, Desired.STOPPED)
    return task


def restart(project: Project) -> Task:
    """Stop and start again, with what the folder says now."""
    with transaction.atomic():
        task = enqueue(RestartStack, {"project": project.pk}, subject=project.subject, node=project.node)
        wish(project, Desired.RUNNING)
    return task


def restart_service(project: Project, service: str) -> Task:
    """Restart one service. ProjectError when the project has none of that name, or is not running."""
    if not project.services.filter(name=service).exists():
        raise ProjectError(f"{project.name} has no service named {service[:100]}.", field="service")
    if project.state != ProjectState.RUNNING and active_on(project.subject) is None:
        raise ProjectError(f"{project.name} is {project.state}: only a service of a running project can be restarted.",
                           field="service", code="conflict", hint="Start the project.")
    return enqueue(RestartService, {"project": project.pk, "service": service}, subject=project.subject,
                   node=project.node)


def build(project: Project) -> Task:
    """Build the images of a project that Dagger builds, and start nothing. ProjectError for every other engine."""
    if project.engine != Project.Engine.DAGGER:
        raise ProjectError(f"{project.name} is run by the engine {project.engine}, which builds when it starts.",
                           field="engine", code="conflict", hint="Only images of the engine dagger are built alone.")
    return enqueue(BuildImages, {"project": project.pk}, subject=project.subject, node=project.node)
