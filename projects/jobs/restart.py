"""Stopping and starting again: a stack, a stack at a kept revision, one service."""

from __future__ import annotations

from typing import Any

from events.actions import record
from projects.binding import engine_of, running_stack
from projects.jobs.base import StackJob
from projects.jobs.start import StartStack
from projects.models import Project
from projects.moves import move
from projects.observation import observe
from projects.states import ProjectState


class RestartStack(StartStack):
    """Stop, then start with what the folder says now. What is wrong with the folder is found before anything stops."""

    name = "projects.restart"
    verb = "Restart"

    def work(self, project: Project) -> dict[str, Any]:
        engine = engine_of(project)
        before = running_stack(project)
        if before.revision and not project.revisions.filter(task_id=self.task.pk).exists():
            self.checked_revision(project, engine, keep=False)
        if project.state == ProjectState.RUNNING:
            move(project, ProjectState.STOPPING)
        for step in engine.down(before):
            if step.done == step.total:
                self.log(f"{step.label}.")
            self.progress.check()
        move(project, ProjectState.STOPPED)
        return super().work(project)


class RollBack(RestartStack):
    """Stop what runs, and start the kept `revision`: its definition, variables and images, on the project's ports."""

    name = "projects.roll-back"

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        name = Project.objects.filter(pk=params.get("project")).values_list("name", flat=True).first()
        return f"Return {name or 'a project'} to revision {params.get('revision')}"

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        super().on_succeeded(result)
        project = Project.objects.filter(pk=self.params.get("project")).first()
        if project is not None:
            record("project.returned", {"project": project.pk, "name": project.name, "reason": "",
                                        "revision": self.params.get("revision"),
                                        "as": (result or {}).get("revision")}, about=project.subject)


class RestartService(StackJob):
    """Restart one service and wait until it is ready again."""

    name = "projects.restart-service"
    verb = "Restart a service of"

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        name = Project.objects.filter(pk=params.get("project")).values_list("name", flat=True).first()
        return f"Restart {params.get('service')} of {name or 'a project'}"

    def work(self, project: Project) -> dict[str, Any] | None:
        engine = engine_of(project)
        stack = running_stack(project)
        try:
            self.follow(engine.restart(stack, str(self.params.get("service"))))
        finally:
            observe(project, engine, stack)
        return None
