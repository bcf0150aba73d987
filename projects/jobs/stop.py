"""Stopping a stack."""

from __future__ import annotations

from typing import Any

from projects.binding import engine_of, running_stack
from projects.jobs.base import StackJob
from projects.models import Project
from projects.moves import move
from projects.observation import ALIVE, observe
from projects.states import Desired, ProjectState


class StopStack(StackJob):
    """Stop every service, and see that no process and no listener is left."""

    name = "projects.stop"
    verb = "Stop"

    def work(self, project: Project) -> dict[str, Any] | None:
        engine = engine_of(project)
        if project.state != ProjectState.STOPPING:
            move(project, ProjectState.STOPPING)
        stack = running_stack(project)
        self.follow(engine.down(stack))
        observe(project, engine, stack, fresh=True)
        return None

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        self.settle_state(ProjectState.STOPPED)

    def on_failed(self, error: str) -> None:
        self.settle_state(ProjectState.FAILED, error)

    def on_cancelled(self) -> None:
        project = Project.objects.filter(pk=self.params.get("project")).first()
        if project is None:
            return
        alive = project.services.filter(state__in=sorted(ALIVE)).exists()
        wish = Desired.RUNNING if alive else Desired.STOPPED
        self.settle_state(ProjectState.RUNNING if alive else ProjectState.STOPPED, "The stop was cancelled.",
                          desired=wish)
