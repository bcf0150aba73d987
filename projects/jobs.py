"""What runs in the background for a project, on the lane `stacks`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from events.actions import record
from projects import revisions, worktrees
from projects.binding import (
    engine_of,
    folder_stack,
    home_of,
    new_revision,
    restored_revision,
    running_stack,
    withdraw,
)
from projects.engines.base import Engine, EngineError, Problem, StackStatus, Step
from projects.errors import ProjectError
from projects.models import Project, Revision
from projects.moves import move
from projects.observation import ALIVE, observe
from projects.returning import Return
from projects.stacks.spec import Stack
from projects.states import Desired, ProjectState
from tasks.job import Job, JobFailed

HUB = "hub"


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
        except DatabaseError as error:
            raise JobFailed("Hub's database did not answer in time.", str(error)) from None

    def work(self, project: Project) -> dict[str, Any] | None:
        """What the job does to its project."""
        raise TypeError(f"{type(self).__name__} has no work().")

    def follow(self, steps: Iterator[Step], *, first: Iterable[tuple[str, str]] = (), prefix: str = "",
               suffix: str = "") -> None:
        """Turn an engine's steps into the task's progress. The engine names all its steps before it begins the first;
        `first` are steps of the job itself that come before them. `prefix` tells their keys, and `suffix` their labels,
        from those that the same task had before."""
        planned: list[tuple[str, str]] = []
        announced = False
        for step in steps:
            key = prefix + step.key
            if not announced:
                if step.done == 0 and key not in dict(planned):
                    planned.append((key, step.label + suffix))
                    continue
                self.progress.plan([*first, *planned])
                announced = True
            for line in step.lines:
                self.log(line, source=step.key.partition(":")[2] or step.key)
            self.progress.update(key, done=step.done, total=step.total, detail=step.detail)
            if step.done >= step.total:
                self.progress.finish(key)
            self.progress.check()

    def settle_state(self, to: str, reason: str = "", **fields: Any) -> None:
        """Move the project, where it still exists and the move is possible."""
        project = Project.objects.filter(pk=self.params.get("project")).first()
        if project is not None and project.state != to:
            move(project, to, reason=reason, **fields)


class StartStack(StackJob):
    """Start every service and wait until each is ready. What a failed or cancelled start made is stopped again.

    A stack that runs already is brought to what its folder says now; when that fails, what ran runs on. With `revision`
    a kept revision is started in the place of what the folder says. A project that asks for it returns to its last good
    revision when the start fails: the task has failed all the same, and its error says what runs now.
    """

    name = "projects.start"
    verb = "Start"

    def work(self, project: Project) -> dict[str, Any]:
        engine = engine_of(project)
        ran_before = project.state == ProjectState.RUNNING
        if project.state not in (ProjectState.STARTING, ProjectState.RUNNING):
            move(project, ProjectState.STARTING)
        coming_back = Return(self, project, engine, ran_before)
        coming_back.resume()
        try:
            stack = self.checked_revision(project, engine, keep=not ran_before)
        except (ProjectError, JobFailed) as error:
            if not ran_before:
                coming_back.after(error.message)
            raise
        (home_of(project.slug) / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
        observe(project, engine, stack, fresh=not ran_before)
        try:
            self.follow(engine.up(stack))
        except BaseException as error:
            # Whatever ended it, also a database that is away or the time limit: what it made does not stay behind.
            status = self.see_failure(project, engine, stack, error)
            if not ran_before:
                # Nothing but this start made containers: their images are what was tried.
                self._keep_images(project, stack, status)
                self.tidy_up(engine, stack)
            if isinstance(error, EngineError):
                coming_back.after(error.message, error.detail, stack)
            raise
        self._keep_images(project, stack, observe(project, engine, stack))
        return {"revision": stack.revision, "ports": sorted(stack.host_ports.values())}

    def revision(self, project: Project) -> Stack:
        """What is to run: the folder as it is now, or the kept revision that was asked for."""
        number = self.params.get("revision")
        if number is None:
            return new_revision(project, self.task.pk)
        return restored_revision(project, number, self.task.pk)

    def checked_revision(self, project: Project, engine: Engine, *, keep: bool) -> Stack:
        """What is to run, with nothing in its way. What is refused while something runs is not kept, unless `keep`:
        what runs then stays what was started last."""
        begun = project.revisions.filter(task_id=self.task.pk).exists()
        stack = self.revision(project)
        try:
            self.refuse_problems(engine, stack)
        except JobFailed:
            if not keep and not begun and project.revisions.filter(task_id=self.task.pk).exists():
                withdraw(project, stack)
            raise
        return stack

    def refuse_problems(self, engine: Engine, stack: Stack) -> None:
        """JobFailed with what stands in the way of a start; what does not is said in the log."""
        problems = engine.problems(stack)
        if blocking := [problem for problem in problems if problem.blocking]:
            raise JobFailed(*_told(blocking))
        for problem in problems:
            self.log(f"{problem.message} {problem.hint}".strip(), level="warning", source=problem.service)

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        project = Project.objects.filter(pk=self.params.get("project")).first()
        # Started by Hub itself, after everything of it had died: why that was necessary is still to be told.
        reason = project.reason if project is not None and self.task.actor == HUB else ""
        self.settle_state(ProjectState.RUNNING, reason)
        self._mark(True)

    def on_failed(self, error: str) -> None:
        if not self._runs_on(error):
            self.settle_state(ProjectState.FAILED, error)
        self._mark(False, error)

    def on_cancelled(self) -> None:
        if not self._runs_on("The start was cancelled."):
            self.settle_state(ProjectState.STOPPED, "The start was cancelled.", desired=Desired.STOPPED)
        self._mark(False, "The start was cancelled.")

    def _runs_on(self, reason: str) -> bool:
        """Whether the project ran before and was not stopped for this; it then keeps its state, and says the reason."""
        running = Project.objects.filter(pk=self.params.get("project"), state=ProjectState.RUNNING)
        return bool(running.update(reason=reason, reason_at=timezone.now()))

    def see_failure(self, project: Project, engine: Engine, stack: Stack, error: BaseException) -> StackStatus | None:
        """Keep what is to be seen of a failure: it is gone after `down`. None when it could not be kept."""
        if isinstance(error, EngineError):
            self.log(error.message, level="error", source=error.service)
        try:
            return observe(project, engine, stack)
        except (DatabaseError, EngineError) as away:
            self.log(f"What was to be seen of it could not be kept: {away}", level="warning")
            return None

    def tidy_up(self, engine: Engine, stack: Stack) -> None:
        """Stop what the start made. That this fails as well is said in the log: the first error is the one to tell."""
        try:
            for step in engine.down(stack):
                if step.done == step.total:
                    self.log(f"Tidied up: {step.label}.")
        except EngineError as error:
            self.log(f"What the start made could not be stopped: {error.message}", level="error", source=error.service)

    @staticmethod
    def _keep_images(project: Project, stack: Stack, status: StackStatus | None) -> None:
        """Keep with the revision which images its services were seen to run, where they run any."""
        if images := revisions.images_in(status) if status is not None else {}:
            project.revisions.filter(number=stack.revision).update(images=images)

    def _mark(self, good: bool, error: str = "") -> None:
        """Say of the revisions of this task how their start ended, where that is not said yet."""
        Revision.objects.filter(
            project=self.params.get("project"), task_id=self.task.pk, started_ok=None
        ).update(started_ok=good, error=error)


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


class BuildImages(StackJob):
    """Build the images of a project that Dagger builds, and start nothing; what runs is left as it is."""

    name = "projects.build"
    verb = "Build the images of"

    def work(self, project: Project) -> dict[str, Any]:
        stack = folder_stack(project)
        self.follow(engine_of(project).build(stack))
        return {"images": list(stack.definition.builds)}


class CopyData(StackJob):
    """Copy what the services of a stopped project keep, files and volumes, to its copy."""

    name = "projects.copy-data"
    verb = "Copy the data of"

    def work(self, project: Project) -> dict[str, Any]:
        source = Project.objects.filter(pk=self.params.get("from")).first()
        if source is None:
            raise JobFailed("The project that was copied does not exist any more.")
        if source.state not in (ProjectState.STOPPED, ProjectState.FAILED):
            raise JobFailed(f"{source.name} is {source.state}: its data can only be copied while it is stopped.",
                            "Stop it, and run this task again.")
        self.progress.plan([("copy", "Copy files")])
        count = 0
        for done, total in worktrees.copy_data(home_of(source.slug) / "data", home_of(project.slug) / "data"):
            self.progress.update("copy", done=done, total=total)
            self.progress.check()
            count = total
        self.progress.finish("copy")
        steps = engine_of(project).copy_data(running_stack(source), running_stack(project))
        self.follow(steps)
        return {"files": count}


class DeleteProject(StackJob):
    """Stop a project and remove what Hub made for it: processes, logs, leases, rows. The user's folder stays.

    Data (HUB_STACK_DATA, a work tree of Hub's, volumes) are removed only with `data="remove"`; else they are put aside
    or stay, and the result says where.
    """

    name = "projects.delete"
    verb = "Delete"

    def run(self) -> dict[str, Any] | None:
        if not Project.objects.filter(pk=self.params.get("project")).exists():
            return {"deleted": True}  # an earlier attempt died between the last step and its end
        return super().run()

    def work(self, project: Project) -> dict[str, Any]:
        if others := worktrees.users_of(project):
            raise JobFailed(f"{', '.join(others)} runs from the work tree of this project.", "Delete that one first.")
        self.progress.plan([("stop", "Stop what runs"), ("remove", "Remove logs and state"), ("forget", "Free ports")])
        engine = engine_of(project)
        stack = running_stack(project)
        for step in engine.down(stack):
            self.progress.update("stop", detail=step.label)
        self.progress.finish("stop")
        engine.remove(stack, data=self.params.get("data") == "remove")
        volumes = [one.name for one in engine.remains(stack) if one.kind == "volume"]
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
                                       "data_kept_in": kept, "volumes_kept": volumes}, about=project.subject)
            project.delete()
        self.progress.finish("forget")
        return {"deleted": True, "data_kept_in": kept, "volumes_kept": volumes}

    def on_failed(self, error: str) -> None:
        self.settle_state(ProjectState.FAILED, error)


def _told(problems: list[Problem]) -> tuple[str, str]:
    """The first problem as the error; what to do about it, and the others, as its detail."""
    first = problems[0]
    lines = [first.hint, *(f"{problem.message} {problem.hint}".strip() for problem in problems[1:])]
    message = first.message
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more)"
    return message, "\n".join(filter(None, lines))

