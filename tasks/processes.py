"""Telling one process from another, for ever: host, boot, pid, and the moment at which it began."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# The pid namespace of the machine itself (include/linux/proc_ns.h, PROC_PID_INIT_INO); containers have others.
INITIAL_PID_NAMESPACE = "pid:[4026531836]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where pids mean something: a host name (with the pid namespace inside a container) and one boot of it."""

    host: str
    boot_id: str


@lru_cache(maxsize=1)
def here() -> Place:
    """The place this process runs at."""
    host, namespace = socket.gethostname(), os.readlink("/proc/self/ns/pid")
    if namespace != INITIAL_PID_NAMESPACE:
        host = f"{host}/{namespace}"
    return Place(host, Path("/proc/sys/kernel/random/boot_id").read_text().strip())


def began(pid: int) -> int | None:
    """Jiffies since boot at which the process began (proc(5), stat, field 22); None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may itself contain spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def is_alive(pid: int, pid_began: int) -> bool:
    """Whether that very process, not a later one with its pid, still runs."""
    return began(pid) == pid_began


def memory(pid: int) -> int:
    """Bytes that the process uses, shared pages counted in proportion (proc(5), smaps_rollup); 0 when it is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def kill_group(group: int, marker: str) -> int:
    """SIGKILL what is left of a process group whose leader is gone; returns how many were killed.

    Only processes whose environment holds `marker` (as `NAME=value`) are touched: the number may have found
    another owner in the meantime.
    """
    killed = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # gone in between, or somebody else's
            if int((entry / "stat").read_text().rpartition(")")[2].split()[2]) != group:
                continue
            if marker.encode() in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                killed += 1
    return killed
