"""What is seen of a stack: the supervisor's state file, checked against the processes that really live."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from projects.engines.base import EngineError, InstanceStatus, Occurrence, ServiceStatus, StackStatus
from projects.engines.process.environment import marker
from projects.engines.process.family import Family
from projects.engines.process.instance import UNWATCHED
from projects.engines.process.processes import boot_id, living
from projects.engines.process.reading import read_tail
from projects.engines.process.rundir import RunDir
from projects.stacks.spec import ServiceSpec, Stack

LAST_LINES = 20
WORST_FIRST = ("failed", "missing", "restarting", "unknown", "starting", "paused", "stopped", "running", "completed")


class View:
    """One look at a stack. `watched`: a supervisor lives; `down`: it has ended the stack, or never began it."""

    def __init__(self, stack: Stack, rundir: RunDir):
        self.stack, self.rundir = stack, rundir
        self.wish, self.state = rundir.wish(), rundir.state()
        self.watched = rundir.holder() is not None
        if self.state.get("boot_id") != (boot := boot_id()):
            # Written before the machine was started again: nothing of it lives.
            self.state = {}
        self.wished_now = self.wish.get("boot_id") == boot
        self.down = not self.watched and (not self.wished_now or self.state.get("phase") == "down")
        # What was written when the stack went down says nothing about a start after it.
        ended = self.state.get("phase") == "down"
        self.records: dict[str, dict] = {} if ended else self.state.get("instances", {})
        self._wished_versions = {
            one["name"]: one["version"] for service in self.wish.get("services", ()) for one in service["instances"]
        }
        self.run: int = self.wish.get("run", 0)
        self._found: dict[str, tuple[int, int]] | None = None

    def pids(self) -> dict[int, int]:
        """Pid → start time of every main process that is recorded and lives."""
        recorded = ((record.get("pid"), record.get("start")) for record in self.records.values())
        return {pid: start for pid, start in recorded if living(pid, start)}

    def is_current(self, name: str) -> bool:
        """Whether the record of an instance is of what is wished now, and not of what it is about to replace."""
        return self.records.get(name, {}).get("version") == self._wished_versions.get(name)

    def unrecorded(self, name: str) -> tuple[int, int] | None:
        """A living process of that instance which no record names: its supervisor died before it could."""
        if self.watched or self.down:
            return None
        if self._found is None:
            family = Family(marker(self.stack))
            family.look()
            own = [pair for pair in family.labelled() if pair[0].pid == pair[0].session]
            own.sort(key=lambda pair: pair[0].start, reverse=True)
            self._found = {label.instance: stat.identity for stat, label in own}
        return self._found.get(name)

    def instance(self, service: ServiceSpec, name: str) -> InstanceStatus:
        record = self.records.get(name)
        if self.down or record is None:
            return self._without_record(service, name)
        pid, start = record["pid"], record["start"]
        state, reason, health = _SHOWN[record["phase"]], record["reason"], record["health"]
        exit_code, signal = record["exit_code"], record["signal"]
        stat = living(pid, start)
        if record["phase"] == "running":
            if service.kind == "one-shot" or not record["ready"]:
                state = "starting"
            if stat is None and self.watched:
                state, reason, health = "restarting", "ended a moment ago", "none"
            elif stat is None:
                state, reason, health = "failed", UNWATCHED, "none"
            elif stat.state == "T":
                state, reason = "paused", "its process is paused (SIGSTOP)"
        elif not self.watched and state in ("starting", "restarting"):
            found = self.unrecorded(name)
            if found:
                pid, start, state, reason = *found, "starting", "its supervisor has died"
            else:
                state, reason = "stopped", reason or "its supervisor has died"
        return InstanceStatus(
            name=name, state=state, health=health, pid=pid if living(pid, start) else None,
            restarts=record["restarts"], exit_code=exit_code, signal=signal, reason=reason,
            started_at=_time(record["started_at"]), ended_at=_time(record["ended_at"]),
        )

    def _without_record(self, service: ServiceSpec, name: str) -> InstanceStatus:
        found = self.unrecorded(name)
        if found:
            return InstanceStatus(name, "starting", pid=found[0], reason="its supervisor has died")
        begins = self.watched and self.wish.get("desired") == "up"
        return InstanceStatus(name, "starting" if begins else "stopped")

    def service(self, service: ServiceSpec) -> ServiceStatus:
        instances = tuple(self.instance(service, name) for name in service.instance_names())
        worst = min(instances, key=lambda one: WORST_FIRST.index(one.state))
        health = "none"
        for grade in ("healthy", "unhealthy"):
            if any(one.health == grade for one in instances):
                health = grade
        reasons = (one.reason for one in (worst, *instances) if one.reason)
        lines = last_lines(self.rundir, self.run, worst.name) if worst.state == "failed" else ()
        return ServiceStatus(service.name, worst.state, service.kind, health, next(reasons, ""), lines, instances)

    def status(self) -> StackStatus:
        return StackStatus(
            observed_at=datetime.now(UTC),
            services=tuple(self.service(service) for service in self.stack.services),
            occurrences=tuple(self.occurrences()),
            supervised=self.watched,
        )

    def occurrences(self) -> Iterable[Occurrence]:
        for entry in self.state.get("occurrences", ()):
            yield Occurrence(_time(entry["at"]), entry["service"], entry["message"])


def last_lines(rundir: RunDir, run: int, instance: str) -> tuple[str, ...]:
    """The last lines of an instance's log; none when it cannot be read."""
    try:
        return tuple(read_tail(rundir.log_path(run, instance), LAST_LINES)[0])
    except OSError as error:
        raise EngineError(f"The log of {instance} cannot be read: {error.strerror}.") from error


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


_SHOWN = {
    "waiting": "starting", "running": "running", "clearing": "restarting", "backoff": "restarting",
    "stopping": "running", "completed": "completed", "failed": "failed", "stopped": "stopped",
}
