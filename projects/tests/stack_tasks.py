"""Tasks of projects, run to their end in the test itself, on real processes."""

from __future__ import annotations

import sys
from pathlib import Path

from django.conf import settings

from projects import actions
from projects.binding import engine_of, running_stack
from projects.models import Project
from tasks.models import Task
from tasks.runner import run_task

SERVE = f"{sys.executable} -m http.server --bind 127.0.0.1 $PORT"


def folder_of(name: str, procfile: str) -> Path:
    """A folder below the projects' root with that Procfile."""
    folder = settings.HUB_PROJECTS_ROOT / name
    folder.mkdir(exist_ok=True)
    (folder / "Procfile").write_text(procfile)
    return folder


def done(task: Task) -> Task:
    """The task, run here and now."""
    run_task(str(task.pk))
    task.refresh_from_db()
    return task


def started(project: Project) -> Project:
    """The project, running."""
    task = done(actions.start(project))
    assert task.state == "succeeded", task.error + task.detail
    project.refresh_from_db()
    return project


def pids_of(project: Project) -> dict[str, int | None]:
    """What runs of it, seen now."""
    status = engine_of(project).status(running_stack(project))
    return {service.name: service.instances[0].pid for service in status.services if service.instances[0].pid}


def down(project: Project) -> None:
    """Nothing of it is left."""
    for _ in engine_of(project).down(running_stack(project)):
        continue
