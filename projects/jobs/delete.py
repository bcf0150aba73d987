"""Deleting a project."""

from __future__ import annotations

import shutil
from typing import Any

from django.db import transaction

from events.actions import record
from projects import worktrees
from projects.binding import engine_of, home_of, running_stack
from projects.jobs.base import StackJob
from projects.models import Project
from projects.states import ProjectState
from tasks.job import JobFailed


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
