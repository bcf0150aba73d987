"""What really runs, seen without the engine: the tests look for themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from projects.stacks.spec import Stack


def until(fact: Callable[[], object], within: float, what: str) -> object:
    """Wait for something to be true; what it gave. Fails the test when it is not true in time."""
    deadline = time.monotonic() + within
    while not (found := fact()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(0.02)
    return found


def variables_of(pid: int) -> dict[str, str]:
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(entry.decode("utf-8", "replace").split("=", 1) for entry in entries if b"=" in entry)


def processes_of(stack: Stack, service: str | None = None) -> list[int]:
    """Pids of every living process that carries the stack's marker."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        variables = variables_of(process.info["pid"])
        ours = variables.get("HUB_STACK") == f"{stack.hub_id}/{stack.slug}"
        if ours and service in (None, variables["HUB_SERVICE"]) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["pid"])
    return sorted(found)


def mains_of(stack: Stack, service: str) -> list[int]:
    """Pids of a service's main processes: those that lead a session. Exactly one when all is well."""
    return [pid for pid in processes_of(stack, service) if session_of(pid) == pid]


def session_of(pid: int) -> int | None:
    """None when the process has ended since it was seen."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def supervisors_of(stack: Stack) -> list[int]:
    """Pids of the living supervisors of the stack."""
    found = []
    for process in psutil.process_iter(["pid", "status", "cmdline"]):
        words = process.info["cmdline"] or []
        is_one = "projects.engines.process.supervisor" in words and str(stack.run_dir) in words
        if is_one and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.info["pid"])
    return found


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal a process; one that has ended since it was seen needs no killing."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def can_bind(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def zombies_of_ours() -> list[int]:
    """Children of this process that ended and were never asked for."""
    return [one.pid for one in psutil.Process().children() if one.status() == psutil.STATUS_ZOMBIE]
