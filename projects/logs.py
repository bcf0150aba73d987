"""What the services of a project said."""

from __future__ import annotations

from projects.binding import engine_of, running_stack
from projects.engines.base import EngineError, LogChunk
from projects.errors import ProjectError
from projects.models import Project

MAX_TAIL = 10_000


def read_log(project: Project, service: str, tail: int = 200, after: int | None = None,
             run: int | None = None) -> LogChunk:
    """The last `tail` lines of a service, or those after an offset that an earlier chunk ended at.

    `run` is one of `runs`; without it the newest. ProjectError for a service or run that the project does not have.
    """
    stack = running_stack(project)
    names = [instance for spec in stack.services for instance in (spec.name, *spec.instance_names())]
    if service not in names:
        raise ProjectError(f"{project.name} has no service named {service[:100]}.", field="service",
                           hint=f"Services: {', '.join(dict.fromkeys(names))}.")
    if not 1 <= tail <= MAX_TAIL:
        raise ProjectError(f"tail must be from 1 to {MAX_TAIL}.", field="tail")
    if run is not None and run not in runs(project):
        raise ProjectError(f"The log of run {run} is not kept.", field="run")
    try:
        return engine_of(project).logs(stack, service, tail=tail, after=after, run=run)
    except EngineError as error:
        raise ProjectError.of_engine(error) from None


def runs(project: Project) -> list[int]:
    """The runs whose logs are kept, newest first."""
    return engine_of(project).runs(running_stack(project))
