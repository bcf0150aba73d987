"""What every job on one project has in common."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

from django.db import DatabaseError

from projects.engines.base import EngineError, Step
from projects.engines.registry import ENGINES
from projects.errors import ProjectError
from projects.models import Project
from projects.moves import move
from tasks.job import Job, JobFailed


class StackJob(Job):
    """Work on one project. Engines are idempotent, so a task whose process died is simply run again."""

    lane = "stacks"
    max_attempts = 3
    cancel_grace = 15.0
    own_process = True
    heavy = (*ENGINES.modules, "cryptography.fernet")
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

    def follow(self, steps: Generator[Step], *, prefix: str = "", suffix: str = "") -> None:
        """Turn an engine's steps into the task's progress. The engine names all its steps before it begins the first;
        `prefix` tells their keys, and `suffix` their labels, from those that the same task had before. However it ends,
        what the engine has under way for these steps has ended then."""
        with closing(steps):
            self._follow(steps, prefix, suffix)

    def _follow(self, steps: Generator[Step], prefix: str, suffix: str) -> None:
        planned: list[tuple[str, str]] = []
        announced = False
        for step in steps:
            key = prefix + step.key
            if not announced:
                if step.done == 0 and key not in dict(planned):
                    planned.append((key, step.label + suffix))
                    continue
                self.progress.plan(planned)
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
