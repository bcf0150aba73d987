"""What the kernel says about memory: how often it killed for want of it, and how much these processes may use."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
# What version 1 says where there is no limit is about that much.
NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Kills:
    """How many processes the kernel has killed for want of memory until now: of this process's control group, or of the
    whole machine (`everywhere`) where no group says it. None: nobody says it."""

    number: int | None
    everywhere: bool = False

    def rose(self, later: Kills) -> bool:
        """Whether there were more of them later."""
        known = self.number is not None and later.number is not None and self.everywhere == later.everywhere
        return known and later.number > self.number


def kills() -> Kills:
    """The kernel's counter as it is now. It costs a few small files."""
    for folder, version in _groups():
        name = "memory.events" if version == 2 else "memory.oom_control"
        number = _field(folder / name, "oom_kill")
        if number is not None:
            return Kills(number)
    return Kills(_field(PROC / "vmstat", "oom_kill"), everywhere=True)


def limit() -> int | None:
    """The bytes that this process's control group may use, or one above it; None where there is no limit."""
    found = []
    for folder, version in _groups():
        name = "memory.max" if version == 2 else "memory.limit_in_bytes"
        for place in (folder, *folder.parents):
            if not place.is_relative_to(CGROUPS):
                break
            with contextlib.suppress(OSError, ValueError):  # the root has none; "max" is none
                found.append(int((place / name).read_text()))
    return min((value for value in found if value < NO_LIMIT), default=None)


def _groups() -> list[tuple[Path, int]]:
    """Where this process's memory is counted, and by which version of control groups: cgroups(7). In a container the
    path may be that of the host, and the group itself what is mounted."""
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            roots, version = [CGROUPS / "memory"], 1
        elif not controllers:
            roots, version = [CGROUPS, CGROUPS / "unified"], 2
        else:
            continue
        found += [(place, version) for root in roots for place in (root / path.lstrip("/"), root)]
    return found


def _field(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(value) for key, _, value in (line.partition(" ") for line in lines) if key == name), None)
