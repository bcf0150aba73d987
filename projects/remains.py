"""What a delete would remove, seen before anything is."""

from __future__ import annotations

from projects import worktrees
from projects.binding import engine_of, home_of, running_stack
from projects.engines.base import EngineError, Remain
from projects.engines.sizes import size_of
from projects.errors import ProjectError
from projects.models import Project


def remains_of(project: Project) -> list[Remain]:
    """Everything that Hub made for the project: what the engine holds, its data, and its leased ports.

    Entries with `is_data` are removed only when they are asked for; the user's own folder is never listed. ProjectError
    when its engine cannot be asked.
    """
    home = home_of(project.slug)
    try:
        found = list(engine_of(project).remains(running_stack(project)))
    except EngineError as error:
        raise ProjectError.of_engine(error) from None
    own = {"data": "Files that its services keep (HUB_STACK_DATA)", "tree": "Git work tree of this copy"}
    for name, what in own.items():
        if worktrees.is_filled(home / name):
            found.append(Remain("folder", str(home / name), size_of(home / name), is_data=True, detail=what))
    for lease in project.leases.all():
        found.append(Remain("port", str(lease.host_port), detail=f"{lease.service}:{lease.container_port}"))
    return found
