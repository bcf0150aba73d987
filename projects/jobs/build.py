"""Building images."""

from __future__ import annotations

from typing import Any

from projects.binding import engine_of, folder_stack
from projects.jobs.base import StackJob
from projects.models import Project


class BuildImages(StackJob):
    """Build the images of a project that Dagger builds, and start nothing; what runs is left as it is."""

    name = "projects.build"
    verb = "Build the images of"

    def work(self, project: Project) -> dict[str, Any]:
        stack = folder_stack(project)
        self.follow(engine_of(project).build(stack))
        return {"images": list(stack.definition.builds)}
