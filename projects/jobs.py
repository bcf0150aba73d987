"""What runs in the background for a project, on the lane `stacks`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from events.actions import record
from projects import worktrees
from projects.binding import engine_of, home_of, new_revision, running_stack
from projects.engines.base import Engine, EngineError, Problem, Step
from projects.errors import ProjectError
from projects.models import Project
from projects.moves import move
from projects.observation import observe
from projects.stacks.spec import Stack
from projects.states import Desired, ProjectState
from tasks.cancellation import TaskCancelled
from tasks.job import Job, JobFailed


class StackJob(Job):
    """Work on one project. Engines are idempotent, so a task whose process died is simply run again."""

    lane = "stacks"
    max_attempts = 3
    cancel_grace = 15.0
    own_process = True
    verb = ""

    @classmethod
    def title(cls, params: dict[str, Any]) -> str:
        name = Project.objects.filter(pk=params.get("project")).values_list("name", flat=True).first()
        return f"{cls.verb} {name or 'a project'}"

    @property
    def project(self) -> Project:
        """The project as it is now. JobFailed when it is gone."""
        project = Project.objects.filter(pk=self.params.get("project")).first()
        if project is None:
            raise JobFailed("The project does not exist any more.")
        return project

    def run(self) -> dict[str, Any] | None:
        try:
            return self.work(self.project)
        except ProjectError as error:
            raise JobFailed(error.message, error.hint) from None
        except EngineError as error:
            raise JobFailed(error.message, error.detail) from None

    def work(self, project: Project) -> dict[str, Any] | None:
        """What the job does to its project."""
        raise TypeError(f"{type(self).__name__} has no work().")

    def follow(self, steps: Iterator[Step], *, first: list[tuple[str, str]] | None = None) -> None:
        """Turn an engine's steps into the task's progress. The engine names all its steps before it begins the first;
        `first` are steps of the job itself that come before them."""
        planned: list[tuple[str, str]] = []
        announced = False
        for step in steps:
            if not announced:
                if step.done == 0 and step.key not in dict(planned):
                    planned.append((step.key, step.label))
                    continue
                self.progress.plan([*(first or []), *planned])
                announced = True
            self.progress.update(step.key, done=step.done, total=step.total, detail=step.detail)
            if step.done >= step.total:
                self.progress.finish(step.key)
            self.progress.check()

    def settle_state(self, to: str, reason: str = "", **fields: Any) -> None:
        """Move the project, where it still exists and the move is possible."""
        project = Project.objects.filter(pk=self.params.get("project")).first()
        if project is not None and project.state != to:
            move(project, to, reason=reason, **fields)


class StartStack(StackJob):
    """Start every service and wait until each is ready. What a failed or cancelled start made is stopped again."""

    name = "projects.start"
    verb = "Start"

    def work(self, project: Project) -> dict[str, Any]:
        engine = engine_of(project)
        if project.state != ProjectState.STARTING:
            move(project, ProjectState.STARTING)
        stack = new_revision(project, self.task.pk)
        problems = engine.problems(stack)
        if problems:
            raise JobFailed(*_told(problems))
        (home_of(project.slug) / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
        observe(project, engine, stack, fresh=True)
        try:
            self.follow(engine.up(stack))
        except (EngineError, TaskCancelled) as error:
            if isinstance(error, EngineError):
                self.log(error.message, level="error", source=error.service)
            observe(project, engine, stack)  # keeps what was seen of the failure: it is gone after `down`
            self._tidy_up(engine, stack)
            raise
        observe(project, engine, stack)
        return {"revision": stack.revision, "ports": sorted(stack.host_ports.values())}

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        self.settle_state(ProjectState.RUNNING)
        self._mark(True)

    def on_failed(self, error: str) -> None:
        self.settle_state(ProjectState.FAILED, error)
        self._mark(False)

    def on_cancelled(self) -> None:
        self.settle_state(ProjectState.STOPPED, "The start was cancelled.", desired=Desired.STOPPED)
        self._mark(False)

    def _tidy_up(self, engine: Engine, stack: Stack) -> None:
        """Stop what the start made. That this fails as well is said in the log: the first error is the one to tell."""
        try:
            for step in engine.down(stack):
                if step.done == step.total:
                    self.log(f"Tidied up: {step.label}.")
        except EngineError as error:
            self.log(f"What the start made could not be stopped: {error.message}", level="error", source=error.service)

    def _mark(self, good: bool) -> None:
        project = Project.objects.filter(pk=self.params.get("project")).first()
        if project is not None:
            project.revisions.filter(task_id=self.task.pk).update(started_ok=good)


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
        self.settle_state(ProjectState.RUNNING, "The stop was cancelled; what still runs is shown below.")


class RestartStack(StartStack):
    """Stop, then start with what the folder says now. What is wrong with the folder is found before anything stops."""

    name = "projects.restart"
    verb = "Restart"

    def work(self, project: Project) -> dict[str, Any]:
        engine = engine_of(project)
        before = running_stack(project)
        if before.revision and not project.revisions.filter(task_id=self.task.pk).exists():
            new_revision(project, self.task.pk)
        if project.state == ProjectState.RUNNING:
            move(project, ProjectState.STOPPING)
        for step in engine.down(before):
            if step.done == step.total:
                self.log(f"{step.label}.")
            self.progress.check()
        return super().work(project)

    def on_failed(self, error: str) -> None:
        project = Project.objects.filter(pk=self.params.get("project")).first()
        if project is not None and project.state == ProjectState.RUNNING:
            # Nothing was stopped: what is wrong was found before. It runs on as it was.
            Project.objects.filter(pk=project.pk).update(reason=f"Not restarted: {error}", reason_at=timezone.now())
            self._mark(False)
        else:
            super().on_failed(error)


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


class DeleteProject(StackJob):
    """Stop a project and remove what Hub made for it: processes, logs, leases, rows. The user's folder stays.

    Data (HUB_STACK_DATA, a work tree of Hub's) are removed only with `data="remove"`; else they are put aside, and the
    result says where.
    """

    name = "projects.delete"
    verb = "Delete"

    def run(self) -> dict[str, Any] | None:
        if not Project.objects.filter(pk=self.params.get("project")).exists():
            return {"deleted": True}  # an earlier attempt died between the last step and its end
        return super().run()

    def work(self, project: Project) -> dict[str, Any]:
        self.progress.plan([("stop", "Stop what runs"), ("remove", "Remove logs and state"), ("forget", "Free ports")])
        engine = engine_of(project)
        stack = running_stack(project)
        for step in engine.down(stack):
            self.progress.update("stop", detail=step.label)
        self.progress.finish("stop")
        engine.remove(stack)
        home = home_of(project.slug)
        kept = ""
        if self.params.get("data") == "remove":
            if (home / "tree").exists():
                worktrees.remove(home / "tree")
            if home.exists():
                shutil.rmtree(home)
        else:
            kept = worktrees.put_aside(home)
        self.progress.finish("remove")
        with transaction.atomic():
            record("project.deleted", {"project": project.pk, "name": project.name, "path": project.path,
                                       "data_kept_in": kept})
            project.delete()
        self.progress.finish("forget")
        return {"deleted": True, "data_kept_in": kept}

    def on_failed(self, error: str) -> None:
        self.settle_state(ProjectState.FAILED, error)


def _told(problems: list[Problem]) -> tuple[str, str]:
    """The first problem as the error; all of them, with what to do, as its detail."""
    first = problems[0]
    lines = [f"{problem.message} {problem.hint}".strip() for problem in problems]
    message = first.message
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more)"
    return message, "\n".join(lines)

