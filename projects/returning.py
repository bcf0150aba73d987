"""The way back to the last good revision, when a start has failed."""

from __future__ import annotations

from typing import Protocol

from django.db import transaction

from events.actions import record
from projects import revisions
from projects.binding import restored_revision
from projects.engines.base import Engine, EngineError, StackStatus
from projects.models import Project, Revision
from projects.moves import move
from projects.observation import observe
from projects.stacks.spec import Stack
from projects.states import ProjectState
from tasks.job import JobFailed
from tasks.models import Task
from tasks.progress import Progress


class Starting(Protocol):
    """What a job that starts a stack lends."""

    task: Task
    progress: Progress

    def log(self, text: str, level: str = "info", source: str = "") -> None: ...
    def follow(self, steps, *, prefix: str = "", suffix: str = "") -> None: ...
    def refuse_problems(self, engine: Engine, stack: Stack) -> None: ...
    def see_failure(self, project: Project, engine: Engine, stack: Stack,
                    error: BaseException) -> StackStatus | None: ...
    def tidy_up(self, engine: Engine, stack: Stack) -> None: ...


class Return:
    """Brings a project back, where it asks for that and there is a good revision that is not what has just failed.

    It never makes a success of the task: having brought the project back it raises JobFailed, with an error that says
    what failed and what runs now.
    """

    def __init__(self, job: Starting, project: Project, engine: Engine, ran_before: bool):
        self.job, self.project, self.engine, self.ran_before = job, project, engine, ran_before

    def resume(self) -> None:
        """Go on with a return that an earlier attempt of the task died in; nothing where there was none."""
        begun = self.project.revisions.filter(task_id=self.job.task.pk).exclude(because="").first()
        if begun is not None:
            self._bring_back(begun.restored, begun.because, "")

    def after(self, message: str, detail: str = "", failed: Stack | None = None) -> None:
        """Return after a start that failed with `message`. Comes back, having done nothing, where there is nothing to
        return to: the caller's own error then is the one to tell."""
        if not self.project.return_to_good:
            return
        good = revisions.last_good(self.project, before=failed.revision if failed else None)
        if good is None:
            self.job.log("There is no revision to return to: none has become healthy yet.", level="warning")
        elif failed is not None and self._is_the_same(good, failed):
            self.job.log(f"Hub does not return to revision {good.number}: it is the same as what has just failed.",
                         level="warning")
        else:
            if failed is not None:
                self.project.revisions.filter(number=failed.revision).update(started_ok=False, error=message)
            self._bring_back(good.number, message, detail)

    def _is_the_same(self, good: Revision, failed: Stack) -> bool:
        # Of images the definition says nothing: a build, or a tag, may have given others. Those of a failed build are
        # not known, and the good ones are better than none.
        tried = self.project.revisions.get(number=failed.revision)
        return tried.images == good.images and revisions.says_the_same(good, tried)

    def _bring_back(self, number: int, message: str, detail: str) -> None:
        job, project, engine = self.job, self.project, self.engine
        job.progress.give_up()
        job.log(f"Hub returns to revision {number}, the last that became healthy.", level="warning")
        stack = restored_revision(project, number, job.task.pk, because=message)
        try:
            job.refuse_problems(engine, stack)
            observe(project, engine, stack, fresh=True)
            job.follow(engine.up(stack), prefix="return:", suffix=f" (revision {number})")
        except BaseException as error:
            job.see_failure(project, engine, stack, error)
            if not self.ran_before:
                job.tidy_up(engine, stack)
            if isinstance(error, EngineError | JobFailed):
                raise JobFailed(f"{_sentence(message)} Revision {number} could not be started either: {error.message}",
                                "\n".join(filter(None, [detail, error.detail]))) from None
            raise
        images = revisions.images_in(observe(project, engine, stack))
        told = f"{_sentence(message)} Hub returned to revision {number}, which runs now."
        with transaction.atomic():
            project.revisions.filter(number=stack.revision).update(
                started_ok=True, **({"images": images} if images else {})
            )
            record("project.returned", {"project": project.pk, "name": project.name, "revision": number,
                                        "as": stack.revision, "reason": message}, about=project.subject)
            if project.state != ProjectState.RUNNING:
                move(project, ProjectState.RUNNING, reason=told)
        raise JobFailed(told, detail)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
