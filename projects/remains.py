"""What a delete would remove, seen before anything is."""

from __future__ import annotations

from pathlib import Path

from projects.binding import engine_of, home_of, running_stack
from projects.engines.base import Remain
from projects.models import Project


def remains_of(project: Project) -> list[Remain]:
    """Everything that Hub made for the project: what the engine holds, its data, and its leased ports.

    Entries with `is_data` are removed only when they are asked for; the user's own folder is never listed.
    """
    home = home_of(project.slug)
    found = list(engine_of(project).remains(running_stack(project)))
    own = {"data": "Files that its services keep (HUB_STACK_DATA)", "tree": "Git work tree of this copy"}
    for name, what in own.items():
        if (home / name).is_dir() and any((home / name).iterdir()):
            found.append(Remain("folder", str(home / name), size_of(home / name), is_data=True, detail=what))
    for lease in project.leases.all():
        found.append(Remain("port", str(lease.host_port), detail=f"{lease.service}:{lease.container_port}"))
    return found


def size_of(folder: Path) -> int:
    """Bytes that the files in a folder take on disk. Files that vanish while it counts are left out."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total
