"""Starts a stack by `docker compose up`, and waits until what is seen says that every service is ready."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from projects.engines.base import EngineError, Step
from projects.engines.compose import commands, probe
from projects.engines.compose.bound import leases_of
from projects.engines.compose.containers import Container, Observer
from projects.engines.compose.host import is_local
from projects.engines.compose.logs import Logs
from projects.engines.compose.naming import instance_name, project_name
from projects.engines.compose.observe import can_complete, how_it_ended
from projects.engines.compose.rundir import RunDir
from projects.engines.compose.running import Running
from projects.engines.process.wish import in_order
from projects.stacks.compose import cli
from projects.stacks.spec import ServiceSpec, Stack

POLL_SECONDS = 0.1
REMARK_SECONDS = 1.0
# Until a service that fails and is started again by Docker is given up.
RESTARTS_ALLOWED = 5
WAITS = "waits for what it depends on"
_MADE = ("Created", "Running", "Recreated", "Started", "Starting", "Healthy", "Waiting")


def create_step(services: list[ServiceSpec]) -> Step:
    return Step("create", "containers are created", 0, sum(service.instances for service in services))


def in_turn(stack: Stack) -> list[ServiceSpec]:
    """The services in the order in which they can become ready: each after those that it waits for."""
    try:
        return in_order(stack.services)
    except ValueError:  # Compose itself refuses such a stack, and says why
        return list(stack.services)


def ready_step(stack: Stack, service: ServiceSpec) -> Step:
    ports = [leased for port in service.ports for leased in leases_of(stack, service, port)]
    if service.kind == "one-shot":
        label = f"{service.name} completes"
    elif service.ready.kind in ("tcp", "http") and ports:
        label = f"{service.name} answers on " + ", ".join(f":{port}" for port in ports)
    else:
        label = f"{service.name} is up"
    return Step(f"ready:{service.name}", label, 0, service.instances)


class Start:
    """One start of these services of a stack. Everything that they need, images too, is on the host already."""

    def __init__(self, stack: Stack, rundir: RunDir, observer: Observer, services: list[ServiceSpec]):
        self.stack, self.rundir, self.observer, self.services = stack, rundir, observer, services
        self.logs = Logs(observer.client, rundir)
        self.ready: dict[str, int] = {}
        self.remarks: dict[str, str] = {}
        self.answered: set[str] = set()
        self.probed: dict[str, float] = {}
        self.output: list[str] = []
        self.began = self.remarked = time.monotonic()
        # What was there before says nothing until Compose has done its work: it may start it, or make it anew.
        self.before: set[str] = set()

    def compose(self, docker: str, file: Path, only: list[str] | None = None) -> Iterator[Step]:
        """Let Compose create and start the containers, and tell what is seen meanwhile: Compose itself waits for those
        on which others depend."""
        self.before = {one.id for one in self.observer.look(fresh=True).of(project_name(self.stack))}
        step = create_step(self.services)
        made: set[str] = set()
        words = commands.up(docker, self.stack, file, only)
        with Running(words, cli.variables_for(self.stack.env), self.stack.path, self.rundir.path) as command:
            for lines in command.ticks(POLL_SECONDS):
                for line in lines:
                    parts = line.split()
                    if parts[:1] == ["Container"] and parts[-1] in _MADE:
                        made.add(parts[1])
                done = min(len(made), step.total)
                remark = lines[-1].strip() if lines else ""
                said = tuple(line.strip() for line in lines)
                if lines and not only:
                    yield Step(step.key, step.label, done, step.total, remark if done < step.total else "", said)
                elif lines:
                    one = ready_step(self.stack, self.services[0])
                    yield Step(one.key, one.label, self.ready.get(only[0], 0), one.total, remark, said)
                yield from self.look()
                yield from self._remarks(only_begun=True)
            self.output = command.lines
            self.before = set()
            if command.code != 0:
                yield from self.look()
                raise self._refused()
        if not only:
            yield Step(step.key, step.label, step.total, step.total)

    def wait(self) -> Iterator[Step]:
        """Until every service is ready. EngineError for the first that cannot be."""
        while True:
            yield from self.look()
            if not self._waiting():
                return
            yield from self._remarks()
            time.sleep(POLL_SECONDS)

    def _waiting(self) -> list[ServiceSpec]:
        return [service for service in self.services if self.ready.get(service.name, 0) < service.instances]

    def _remarks(self, *, only_begun: bool = False) -> Iterator[Step]:
        """Once a second how it stands with each service that is not ready; `only_begun`: that has been started."""
        if time.monotonic() - self.remarked < REMARK_SECONDS:
            return
        self.remarked = time.monotonic()
        for service in self._waiting():
            remark = self.remarks.get(service.name, "")
            if only_begun and remark in ("", WAITS):
                continue
            step = ready_step(self.stack, service)
            yield Step(step.key, step.label, self.ready.get(service.name, 0), step.total,
                       remark or f"{self.remarked - self.began:.0f} s")

    def look(self) -> Iterator[Step]:
        """A step for each service of which more instances are ready than before."""
        seen = self.observer.look(fresh=True).of(project_name(self.stack))
        for service in self.services:
            own = [one for one in seen if one.service == service.name and one.id not in self.before]
            ready = sum(self._is_ready(service, one) for one in own)
            if ready > self.ready.get(service.name, 0):
                self.ready[service.name] = ready
                step = ready_step(self.stack, service)
                if ready >= step.total:
                    record = self.rundir.record()
                    self.rundir.write(ready=(*record.ready, service.name))
                yield Step(step.key, step.label, min(ready, step.total), step.total)

    def _is_ready(self, spec: ServiceSpec, one: Container) -> bool:
        if one.id in self.answered and one.state == "running":
            return True
        ready = self._judge(spec, one)
        if ready and one.state == "running":
            self.answered.add(one.id)
        return ready

    def _judge(self, spec: ServiceSpec, one: Container) -> bool:
        if one.state in ("exited", "dead"):
            if one.exit_code == 0 and not one.error and can_complete(spec, one):
                return True
            if not one.has_policy or one.exit_code == 0:
                raise self._failed(spec, one)
        if one.state == "restarting" or (one.restarts and one.state != "running"):
            self.remarks[spec.name] = f"{how_it_ended(one)}, started again {one.restarts} times"
            if one.restarts > RESTARTS_ALLOWED:
                raise self._failed(spec, one)
            return False
        if one.state == "created" and one.error:
            raise self._failed(spec, one)
        if one.state != "running":
            self.remarks[spec.name] = WAITS if one.state == "created" else one.state
            return False
        if one.restarts > RESTARTS_ALLOWED:
            raise self._failed(spec, one)
        if one.health:
            return self._is_healthy(spec, one)
        if spec.kind == "one-shot":
            self.remarks[spec.name] = f"runs for {_age(one):.0f} s"
            return False
        return self._answers(spec, one)

    def _is_healthy(self, spec: ServiceSpec, one: Container) -> bool:
        if one.health == "unhealthy":
            said = f": {one.health_log.splitlines()[-1]}" if one.health_log else ""
            raise self._error(spec, one, f"{self._name(spec, one)} runs, but its health check fails{said}.")
        self.remarks[spec.name] = "its health check has not passed yet"
        return one.health == "healthy"

    def _answers(self, spec: ServiceSpec, one: Container) -> bool:
        """A service without a health check: it answers on one of its ports, or has stayed up for a moment."""
        ports = [port for (_, protocol), port in one.ports.items() if protocol == "tcp"]
        if spec.ready.kind == "up" or not ports or not is_local(self.stack):
            return _age(one) >= spec.ready.stay_up
        if time.monotonic() - self.probed.get(one.id, 0.0) < POLL_SECONDS:
            return False
        self.probed[one.id] = time.monotonic()
        if spec.ready.kind == "http":
            found = probe.serves(ports[0], spec.ready.path)
        else:
            found = any(probe.answers(port) for port in ports)
        if not found:
            self.remarks[spec.name] = "does not answer yet"
        if not found and _age(one) >= spec.ready.timeout:
            named = " or ".join(str(port) for port in sorted(ports))
            lines = self.logs.last_lines(one)
            last = f"last line: {lines[-1]}" if lines else "it has written nothing"
            raise self._error(spec, one, f"{self._name(spec, one)} did not answer on port {named} within "
                                         f"{spec.ready.timeout:g} s, though its process ran; {last}")
        return found

    def _name(self, spec: ServiceSpec, one: Container) -> str:
        return instance_name(spec, one.number)

    def _failed(self, spec: ServiceSpec, one: Container) -> EngineError:
        return self._error(spec, one, f"{self._name(spec, one)} {how_it_ended(one)}.")

    def _error(self, spec: ServiceSpec, one: Container, message: str) -> EngineError:
        return EngineError(message, "\n".join(self.logs.last_lines(one)), service=spec.name,
                           file=self.stack.definition.source, line=spec.line)

    def _refused(self) -> EngineError:
        """Compose gave up although no container failed: what it said last, about the container that it names."""
        said = next((line for line in reversed(self.output) if line.strip()), "docker compose up failed").strip()
        said = said.removeprefix("Error response from daemon: ")
        broken = next((line.split()[1] for line in reversed(self.output)
                       if line.split()[:1] == ["Container"] and line.split()[-1] == "Error"), "")
        seen = self.observer.look(fresh=True).of(project_name(self.stack))
        one = next((one for one in seen if one.name == broken or one.error), None)
        spec = next((service for service in self.services if one is not None and service.name == one.service), None)
        who = f"{spec.name} could not be started: " if spec else "Compose could not start the stack: "
        return EngineError(f"{who}{said.rstrip('.')}.", "\n".join(self.output[-20:]),
                           service=spec.name if spec else "", file=self.stack.definition.source,
                           line=spec.line if spec else None)


def _age(one: Container) -> float:
    """Seconds since the container started."""
    return (datetime.now(UTC) - one.started_at).total_seconds() if one.started_at else 0.0
