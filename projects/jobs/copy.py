"""Copying the data of a project."""

from __future__ import annotations

from typing import Any

from projects import worktrees
from projects.binding import engine_of, home_of, running_stack
from projects.jobs.base import StackJob
from projects.models import Project
from projects.states import ProjectState
from tasks.job import JobFailed


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
