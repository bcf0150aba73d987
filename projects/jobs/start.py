"""Starting a stack."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from projects import revisions
from projects.binding import engine_of, home_of, new_revision, restored_revision, withdraw
from projects.engines.base import Engine, EngineError, Problem, StackStatus
from projects.errors import ProjectError
from projects.jobs.base import StackJob
from projects.models import Project, Revision
from projects.moves import move
from projects.observation import observe
from projects.returning import Return
from projects.stacks.spec import Stack
from projects.states import Desired, ProjectState
from tasks.job import JobFailed

HUB = "hub"


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


def _told(problems: list[Problem]) -> tuple[str, str]:
    """The first problem as the error; what to do about it, and the others, as its detail."""
    first = problems[0]
    lines = [first.hint, *(f"{problem.message} {problem.hint}".strip() for problem in problems[1:])]
    message = first.message
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more)"
    return message, "\n".join(filter(None, lines))
