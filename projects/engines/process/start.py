"""Waits until services are ready, and says what comes of it, step by step."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

from projects.engines.base import EngineError, InstanceStatus, Step
from projects.engines.host_ports import listening
from projects.engines.process.environment import first_port
from projects.engines.process.launch import end_of, launch
from projects.engines.process.observe import View, last_lines
from projects.engines.process.processes import send_signal, table
from projects.engines.process.rundir import RunDir
from projects.engines.process.wish import readiness_of
from projects.stacks.spec import ServiceSpec, Stack

POLL_SECONDS = 0.02
# A step under way is said again this often, so that whoever listens can show that time passes, or stop listening.
REMARK_SECONDS = 1.0
# A supervisor that dies this often while we wait will not come up at all.
LAUNCHES_ALLOWED = 5
# A living supervisor reads a new wish within milliseconds.
STUCK_SECONDS = 5.0


def ready_step(stack: Stack, service: ServiceSpec) -> Step:
    kind = readiness_of(stack, service)
    if kind in ("tcp", "http"):
        ports = (first_port(stack, service, number) for number in range(1, service.instances + 1))
        label = f"{service.name} answers on " + ", ".join(f":{port}" for port in ports)
    else:
        label = f"{service.name} completes" if kind == "completes" else f"{service.name} stays up"
    return Step(f"ready:{service.name}", label, 0, service.instances)


class Waiting:
    """Waits for services of a stack to become what the wish with this `serial` says."""

    def __init__(self, stack: Stack, rundir: RunDir, serial: int, services: list[ServiceSpec]):
        self.stack, self.rundir, self.serial, self.services = stack, rundir, serial, services
        self.began = self.unheard_since = time.monotonic()
        self.since: dict[str, float] = {}
        self.launches = 0

    def steps(self) -> Iterator[Step]:
        """A step for each that becomes ready; EngineError for the first that cannot."""
        told: dict[str, tuple[int, str]] = {}
        remarked = self.began
        while True:
            view = self._view()
            waiting = False
            for service in self.services:
                done, remark = self._look(view, service) if view else (0, "")
                waiting = waiting or done < service.instances
                now = time.monotonic()
                if told.get(service.name, (0, ""))[0] != done or (remark and now - remarked >= REMARK_SECONDS):
                    told[service.name] = (done, remark)
                    step = ready_step(self.stack, service)
                    yield Step(step.key, step.label, done, step.total, remark)
            if not waiting:
                return
            if time.monotonic() - remarked >= REMARK_SECONDS:
                remarked = time.monotonic()
            time.sleep(POLL_SECONDS)

    def _view(self) -> View | None:
        """What is seen now, once the supervisor has read the wish; it is started again when it is gone."""
        view = View(self.stack, self.rundir)
        if view.wish.get("serial") != self.serial and view.wish.get("desired") == "down":
            raise EngineError("The stack was stopped while it was starting.")
        if not view.watched:
            if self.launches == LAUNCHES_ALLOWED:
                raise EngineError(
                    "The supervisor of the stack ends again and again.", end_of(self.rundir.supervisor_log)
                )
            self.launches += 1
            launch(self.rundir)
            return None
        if view.state.get("seen", -1) >= self.serial:
            self.unheard_since = time.monotonic()
            return view
        if time.monotonic() - self.unheard_since >= STUCK_SECONDS:
            # It is paused, or cannot write: another one adopts everything, and says why if it cannot.
            self.unheard_since = time.monotonic()
            holder = self.rundir.holder()
            if holder is not None:
                send_signal(*holder, signal.SIGKILL)
        return None

    def _look(self, view: View, service: ServiceSpec) -> tuple[int, str]:
        """How many instances of the service are ready, and a remark on the others."""
        ready, remark = 0, ""
        for name in service.instance_names():
            status = view.instance(service, name)
            if not view.is_current(name):
                remark = "waits for its earlier process to end" if status.pid else "is about to begin"
                continue
            if status.state == "failed":
                raise self._failed(view, service, status)
            if status.state == "completed" or (status.state == "running" and service.kind == "service"):
                ready += 1
            else:
                remark = self._under_way(view, service, name, status)
        return ready, remark

    def _under_way(self, view: View, service: ServiceSpec, name: str, status: InstanceStatus) -> str:
        if status.pid is None:
            self.since.pop(name, None)
            return status.reason
        waited = time.monotonic() - self.since.setdefault(name, time.monotonic())
        if service.kind == "service" and waited >= service.ready.timeout:
            raise self._late(view, service, name)
        return f"{waited:.0f} s"

    def _failed(self, view: View, service: ServiceSpec, status: InstanceStatus) -> EngineError:
        return self._error(view, service, status.name, f"{status.name} {status.reason}.")

    def _late(self, view: View, service: ServiceSpec, name: str) -> EngineError:
        lines = last_lines(self.rundir, view.run, name)
        last = f"last line: {lines[-1]}" if lines else "it has written nothing"
        port = first_port(self.stack, service, service.instance_names().index(name) + 1)
        what = f"did not answer on port {port}" if port else "did not become ready"
        elsewhere = [number for number in listening(self._pids_of(view, name)) if port and number != port]
        if elsewhere:
            named = " and ".join(str(number) for number in elsewhere)
            last = f"it listens on {named}: does its command use $PORT? {last[0].upper()}{last[1:]}"
        message = f"{name} {what} within {service.ready.timeout:g} s, though its process ran; {last}"
        return self._error(view, service, name, message)

    def _pids_of(self, view: View, name: str) -> set[int]:
        """The processes of an instance that are still in its session."""
        leader = view.records.get(name, {}).get("pid")
        return {stat.pid for stat in table().values() if leader and stat.session == leader}

    def _error(self, view: View, service: ServiceSpec, name: str, message: str) -> EngineError:
        lines = last_lines(self.rundir, view.run, name)
        return EngineError(
            message, "\n".join(lines), service=service.name, file=self.stack.definition.source, line=service.line
        )
