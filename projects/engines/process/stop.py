"""Stops a stack, and proves that nothing of it is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from projects.engines.base import EngineError, Step
from projects.engines.host_ports import holders
from projects.engines.process.environment import marker
from projects.engines.process.family import Ending, Family
from projects.engines.process.launch import wake
from projects.engines.process.observe import View
from projects.engines.process.problems import protocols
from projects.engines.process.processes import boot_id, send_signal
from projects.engines.process.rundir import RunDir
from projects.engines.process.wish import in_order, wish_down
from projects.stacks.spec import ServiceSpec, Stack

POLL_SECONDS = 0.02
REMARK_SECONDS = 1.0
# Over the graces of the services: the time a living supervisor needs for its own work.
SUPERVISOR_SECONDS = 10.0
# Processes that survive SIGKILL this long are stuck in the kernel.
KILL_SECONDS = 10.0
LEFTOVER_GRACE = 2.0
PORT_SECONDS = 2.0
FREE = Step("free", "every process gone, every port free")


def stop_steps(stack: Stack) -> list[Step]:
    """Dependents first."""
    try:
        services = in_order(stack.services)
    except ValueError:
        # Such a stack never starts, but an older definition of it may run.
        services = list(stack.services)
    return [Step(f"stop:{service.name}", f"{service.name} stops", 0, service.instances)
            for service in reversed(services)]


def stop(stack: Stack, rundir: RunDir) -> Iterator[Step]:
    """Stop everything. Whatever a living supervisor does not do, the caller's process does itself.

    A port that is held although nothing of the stack was up is a stranger's, and only remarked; after a stack that
    was up it may be a process that escaped, and is an error.
    """
    was_down = View(stack, rundir).down
    steps = stop_steps(stack)
    yield from steps
    yield FREE
    serial = _wish_down(rundir)
    if serial is not None:
        yield from _watch_supervisor(stack, rundir, steps, serial)
    _end_rest(stack, rundir)
    if rundir.wish():
        _write_down(rundir)
    for step in steps:
        yield Step(step.key, step.label, step.total, step.total)
    held = _held_ports(stack, 0.0 if was_down else PORT_SECONDS)
    if held and not was_down:
        raise EngineError(f"The stack has stopped, but {held}.", "Stop that process, or lease another port.")
    yield Step(FREE.key, FREE.label, 1, 1, f"{held}, which is not of this stack" if held else "")


def _wish_down(rundir: RunDir) -> int | None:
    """Tell the supervisor. None when there is nothing to tell, or no way to: then it is ended, and we do its work."""
    if not rundir.exists():
        return None
    try:
        with rundir.changing():
            return wish_down(rundir)["serial"] if rundir.wish() else None
    except OSError:
        while (holder := rundir.holder()) is not None:
            send_signal(*holder, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        return None


def _watch_supervisor(stack: Stack, rundir: RunDir, steps: list[Step], serial: int) -> Iterator[Step]:
    wake(rundir)
    by_key = {f"stop:{service.name}": service for service in stack.services}
    patience = sum(service.stop_grace for service in stack.services) + SUPERVISOR_SECONDS
    deadline, remarked = time.monotonic() + patience, time.monotonic()
    told: dict[str, int] = {}
    while (holder := rundir.holder()) is not None:
        view = View(stack, rundir)
        if view.wish.get("serial") != serial and view.wish.get("desired") == "up":
            raise EngineError("The stack was started again while it was stopping.")
        if time.monotonic() >= deadline:
            send_signal(*holder, signal.SIGKILL)
        speak = time.monotonic() - remarked >= REMARK_SECONDS
        remarked = time.monotonic() if speak else remarked
        for step in steps:
            done = _gone(view, by_key[step.key])
            if done > told.get(step.key, 0) or (speak and done < step.total):
                told[step.key] = done
                yield Step(step.key, step.label, done, step.total)
        time.sleep(POLL_SECONDS)


def _gone(view: View, service: ServiceSpec) -> int:
    """How many instances have no process any more; 0 as long as the supervisor has not read the wish."""
    if view.state.get("seen", -1) < view.wish.get("serial", 0):
        return 0
    busy = ("running", "clearing", "stopping")
    phases = (view.records.get(name, {}).get("phase") for name in service.instance_names())
    return sum(phase not in busy for phase in phases)


def _end_rest(stack: Stack, rundir: RunDir) -> None:
    """End what is left when no supervisor lives: all of it after a crash, nothing after an orderly stop."""
    view = View(stack, rundir)
    records = {} if view.down else view.records
    family = Family(marker(stack))
    endings = []
    for service in stack.services:
        for name in service.instance_names():
            pid = records.get(name, {}).get("pid")
            endings.append(Ending(
                family, {pid: records[name]["start"]} if pid else {}, signal_number(service), service.stop_grace,
                instance=name,
            ))
    _until_nobody(rundir, family, endings, looks=1)
    # Those of services that the definition no longer has; and whoever was between two places during the look before.
    known = {record["pid"]: record["start"] for record in records.values() if record["pid"]}
    for ending in endings:
        known.update(ending.known)
    _until_nobody(rundir, family, [Ending(family, known, signal.SIGTERM, LEFTOVER_GRACE)], looks=2)


def signal_number(service: ServiceSpec) -> int:
    """SIGTERM where the definition names no signal there is: such a stack never starts, but an older one may run."""
    return signal.Signals.__members__.get(service.stop_signal, signal.SIGTERM)


def _until_nobody(rundir: RunDir, family: Family, endings: list[Ending], looks: int) -> None:
    """Advance all endings until that many looks at the process table in a row have found nobody."""
    deadline = max((ending.deadline for ending in endings), default=time.monotonic()) + KILL_SECONDS
    empty = 0
    while empty < looks:
        family.look()
        waiting = [ending for ending in endings if not ending.advance()]
        empty = 0 if waiting else empty + 1
        if rundir.holder() is not None:
            raise EngineError("The stack was started again while it was stopping.")
        if waiting and time.monotonic() >= deadline:
            left = {stat.pid: stat.name for ending in waiting for stat in ending.left.values()}
            names = ", ".join(f"{name} (pid {pid})" for pid, name in left.items())
            raise EngineError(f"These processes of the stack do not end: {names}.")
        if waiting:
            time.sleep(POLL_SECONDS)


def _write_down(rundir: RunDir) -> None:
    """Say so in the state file where the supervisor could not."""
    state = rundir.state()
    if state.get("phase") == "down" and state.get("boot_id") == boot_id():
        return
    try:
        lock = rundir.take_lock()
        if lock is not None:
            try:
                rundir.write_state({**state, "boot_id": boot_id(), "phase": "down", "instances": {}})
            finally:
                os.close(lock)
    except OSError:
        rundir.forget()


def _held_ports(stack: Stack, patience: float) -> str:
    """Which leased ports are held by whom, after so many seconds; empty when all are free."""
    wanted = protocols(stack)
    deadline = time.monotonic() + patience
    while held := holders(wanted):
        if time.monotonic() >= deadline:
            return ", ".join(f"port {port} is held by {holder}" for port, holder in held.items())
        time.sleep(0.1)
    return ""
