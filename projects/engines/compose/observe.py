"""From containers to what Hub shows of a service: its state, and in one sentence why it is not as it should be."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from projects.engines.base import InstanceStatus, Occurrence, ServiceStatus, StackStatus
from projects.engines.compose.containers import Container, Happening, Look
from projects.engines.compose.naming import instance_name, project_name
from projects.engines.compose.rundir import Record
from projects.stacks.spec import ServiceSpec, Stack

WORST_FIRST = ("failed", "missing", "restarting", "unknown", "starting", "paused", "stopped", "running", "completed")
TOLD_SECONDS = 300.0
# Between the signal of `docker stop` and the end of the container lies at most its grace.
STOP_TO_END = 30.0


class View:
    """One look at a stack. `last_lines` reads the end of a container's log; it is asked only for what has failed."""

    def __init__(self, stack: Stack, record: Record, look: Look, last_lines: Callable[[Container], tuple[str, ...]]):
        self.stack, self.record, self.last_lines = stack, record, last_lines
        self.containers = look.of(project_name(stack))
        since = record.since if record.phase == "up" else float("inf")
        self.happenings = look.happened(project_name(stack), since)

    @property
    def wished(self) -> bool:
        """Whether the stack was started, and not stopped since."""
        return self.record.phase in ("starting", "up")

    def of(self, service: str) -> list[Container]:
        return [one for one in self.containers if one.service == service]

    def status(self) -> StackStatus:
        return StackStatus(
            observed_at=datetime.now(UTC),
            services=tuple(self.service(service) for service in self.stack.services),
            occurrences=tuple(self.occurrences()),
            supervised=self.wished and self.record.is_of_this_boot,
        )

    def service(self, spec: ServiceSpec) -> ServiceStatus:
        there = {one.number: one for one in self.of(spec.name)}
        numbers = sorted(there) if len(there) >= spec.instances else range(1, spec.instances + 1)
        instances = tuple(self.instance(spec, number, there.get(number)) for number in numbers)
        worst = min(instances, key=lambda one: WORST_FIRST.index(one.state))
        health = "none"
        for grade in ("healthy", "unhealthy"):
            if any(one.health == grade for one in instances):
                health = grade
        reasons = (one.reason for one in (worst, *instances) if one.reason)
        lines: tuple[str, ...] = ()
        if worst.state in ("failed", "restarting"):
            lines = next((self.last_lines(one) for one in there.values() if one.id[:12] == worst.container_id), ())
        kind = "one-shot" if worst.state == "completed" else spec.kind
        return ServiceStatus(spec.name, worst.state, kind, health, next(reasons, ""), lines, instances)

    def instance(self, spec: ServiceSpec, number: int, container: Container | None) -> InstanceStatus:
        name = instance_name(spec, number)
        if container is None:
            if self.record.phase == "up":
                return InstanceStatus(name, "missing", reason="its container was removed from outside Hub")
            return InstanceStatus(name, "starting" if self.record.phase == "starting" else "stopped")
        state, reason = self._state(spec, container)
        # 128 + n is how a shell and Docker tell of the signal n.
        died_of = container.exit_code - 128 if state != "running" and 128 < container.exit_code < 160 else 0
        health = container.health if container.health in ("healthy", "unhealthy") and state == "running" else "none"
        ended = container.state not in ("running", "paused")
        return InstanceStatus(
            name=name, state=state, health=health, pid=container.pid or None, container_id=container.id[:12],
            restarts=container.restarts, exit_code=container.exit_code if ended and container.ended_at else None,
            signal=signal_name(died_of), started_at=container.started_at,
            ended_at=container.ended_at if ended else None, reason=reason, image=container.image,
        )

    def _state(self, spec: ServiceSpec, one: Container) -> tuple[str, str]:
        if one.state == "running":
            return self._running(spec, one)
        if one.state == "paused":
            return "paused", "its container is paused (docker pause)"
        if one.state == "restarting":
            return "restarting", f"{how_it_ended(one)}; Docker starts it again"
        if self.record.phase == "down":  # there are containers, though nobody wants them to run
            return "stopped", ""
        if one.state == "created":
            if one.error:
                return "failed", f"could not be started: {one.error}"
            return ("starting", "waits for what it depends on") if self.record.phase == "starting" else ("stopped", "")
        if one.state == "exited" and one.exit_code == 0 and can_complete(spec, one):
            return "completed", ""
        if by_hand := self._ended_by_hand(one):
            return ("stopped" if one.exit_code in (0, 143) else "failed"), by_hand
        if one.state == "exited" and one.exit_code == 0:
            return "stopped", how_it_ended(one)
        return "failed", how_it_ended(one)

    def _running(self, spec: ServiceSpec, one: Container) -> tuple[str, str]:
        if one.health == "starting":
            return "starting", "its health check has not passed yet"
        if one.health == "unhealthy":
            said = f": {one.health_log.splitlines()[-1]}" if one.health_log else ""
            return "running", f"its health check fails{said}"
        if self.record.phase == "starting" and spec.name not in self.record.ready:
            return "starting", ""
        return "running", ""

    def _ended_by_hand(self, one: Container) -> str:
        """What was done to a container that ended: by `docker stop` or `docker kill`, and not by Hub."""
        ended = one.ended_at.timestamp() if one.ended_at else 0.0
        for happening in reversed(self.happenings):
            if happening.container == one.id and happening.action in ("kill", "stop") \
                    and abs(ended - happening.at) < STOP_TO_END:
                word = "stopped" if any(other.action == "stop" for other in self.happenings
                                        if other.container == one.id) else "killed"
                how = signal_name(one.exit_code - 128) or f"exit code {one.exit_code}"
                return f"was {word} from outside Hub ({how})"
        return ""

    def occurrences(self) -> Iterable[Occurrence]:
        now = datetime.now(UTC).timestamp()
        specs = {service.name: service for service in self.stack.services}
        for happening in sorted(self.happenings, key=lambda one: one.at):
            message = _told(happening, specs.get(happening.service), self.of(happening.service))
            if message and now - happening.at < TOLD_SECONDS:
                yield Occurrence(datetime.fromtimestamp(happening.at, UTC), happening.service, message)


def can_complete(spec: ServiceSpec, one: Container) -> bool:
    """Whether an end with code 0 is what the service is there for: a job, and nothing that serves or comes back."""
    return spec.kind == "one-shot" or not (one.has_policy or spec.ports or one.health)


def how_it_ended(one: Container) -> str:
    """`exited with code 3 after 2 s`, and what the code means where it is known."""
    if one.oom_killed:
        limit = f" of {one.memory_limit // 2**20} MB" if one.memory_limit else ""
        return f"was killed because it went over its memory limit{limit} (out of memory)"
    if one.error:
        return f"could not be started: {one.error}"
    return f"{code_in_words(one)} after {one.ran_for:.0f} s"


def code_in_words(one: Container) -> str:
    name = signal_name(one.exit_code - 128)
    if name == "SIGKILL":
        return "killed by SIGKILL"
    hint = {126: ", its command cannot be run", 127: ", its command was not found"}.get(one.exit_code, "")
    return f"exited with code {one.exit_code}{f', {name}' if name else ''}{hint}"


def signal_name(number: int) -> str:
    """`SIGKILL` for 9; empty for what is no signal."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _told(happening: Happening, spec: ServiceSpec | None, containers: list[Container]) -> str:
    name = happening.service
    if happening.action == "die":
        if happening.code == 0 and spec is not None and all(can_complete(spec, one) for one in containers):
            return ""
        died_of = signal_name((happening.code or 0) - 128)
        return f"{name} was killed by {died_of}." if died_of == "SIGKILL" else \
            f"{name} exited with code {happening.code}{f' ({died_of})' if died_of else ''}."
    words = {
        "oom": "went over its memory limit.", "pause": "was paused from outside Hub (docker pause).",
        "unpause": "goes on (docker unpause).", "destroy": "lost its container: it was removed from outside Hub.",
        "health_status:unhealthy": "became unhealthy.",
    }
    return f"{name} {words[happening.action]}" if happening.action in words else ""
