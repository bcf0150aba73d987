"""What the overview of one project shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from events.context import current
from events.words import ago
from projects.engines import host_ports
from projects.models import PortLease, Project, Service
from projects.observation import KNOWN_FOR, never_started, shown_reason, shown_status
from projects.placement import notice
from projects.presentation.cause import Cause, cause_of
from projects.presentation.front import front_of
from projects.presentation.logline import LogLine, lines_of
from projects.presentation.named import named_ports
from projects.presentation.service import ServiceRow, row_of
from projects.presentation.states import Look, of_project
from projects.presentation.words import coarse, cores, size
from projects.states import ProjectState
from tasks.models import Task
from tasks.presentation import TaskView, view_of


@dataclass(frozen=True, slots=True)
class TakenPort:
    """A leased port on which somebody else listens."""

    lease: int
    service: str
    port: int
    holder: str


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a project is not as it should be: what ended and how, its last lines, and its probable cause, with what to do
    about it, as far as these tell. `place`: where the service stands in the project's files; `taken`: the ports of
    which its title already says that they are taken."""

    title: str
    service: str
    lines: tuple[LogLine, ...]
    hint: str
    cause: Cause | None = None
    place: str = ""
    taken: tuple[TakenPort, ...] = ()

    @property
    def key_line(self) -> str:
        """The line that most likely says why: the last one with an error, else the last that says anything."""
        said = [line for line in self.lines if line.text.strip()]
        wrong = [line for line in said if line.level == "error"]
        return (wrong or said)[-1].text.strip() if said else ""


@dataclass(frozen=True, slots=True)
class Live:
    """A project as its pages show it. `node` is the other one that it is on, empty when it is here; `notice` says what
    is wrong with that. `taken`: ports that no fault tells of. `at_rest`: nothing of it ran when it was last seen."""

    id: int
    name: str
    path: str
    engine: str
    status: str
    look: Look
    since: str
    observed: str
    reason: str = ""
    open_port: int | None = None
    work: TaskView | None = None
    last: TaskView | None = None
    services: tuple[ServiceRow, ...] = ()
    summary: str = ""
    faults: tuple[Fault, ...] = ()
    taken: tuple[TakenPort, ...] = ()
    node: str = ""
    notice: str = ""
    at_rest: bool = False

    @property
    def can_start(self) -> bool:
        stands_still = self.status in ("stopped", "failed") or (self.status == "unknown" and self.at_rest)
        return self.work is None and stands_still

    @property
    def builds(self) -> bool:
        """Whether its images can be built without a start."""
        return self.work is None and self.engine == Project.Engine.DAGGER.label

    @property
    def can_stop(self) -> bool:
        return self.work is None and not self.can_start

    @property
    def every(self) -> float:
        """Seconds until the next poll; soon while a task has yet to end its first step."""
        if self.work:
            return 1 if any(step.percent == 100 for step in self.work.steps) else 0.5
        return 2


def live_of(project: Project, now: datetime) -> Live:
    """What to show of a project, read in three queries and from its folder."""
    services = list(project.services.all())
    leases = list(project.leases.all())
    task = Task.objects.filter(subject=project.subject).order_by("-id").defer("params", "result").first()
    active = task if task is not None and task.is_active else None
    status = shown_status(project, services, now)
    named = named_ports(project) if leases else frozenset()
    taken = _taken(leases) if status in ("stopped", "failed") and active is None and project.is_here else ()
    faults = _faults(project, services, status, task, taken)
    told = {port.lease for fault in faults for port in fault.taken}
    rows = tuple(row_of(row, leases, named, status, now, project.is_here) for row in services)
    return Live(
        id=project.pk,
        name=project.name,
        path=project.path,
        engine=project.get_engine_display(),
        status=status,
        look=of_project(status),
        since=_since(project, status, now),
        observed=_observed(project, now),
        reason=_reason(project, status, now, faults),
        open_port=_front(services, leases) if project.is_here else None,
        work=view_of(active, now) if active else None,
        last=view_of(task, now) if task and active is None and status == "failed" else None,
        services=rows,
        summary=_summary(project, services, status),
        faults=faults,
        taken=tuple(port for port in taken if port.lease not in told),
        node="" if project.is_here else project.node,
        notice=notice(project.node),
        at_rest=project.state in (ProjectState.STOPPED, ProjectState.FAILED),
    )


def begun_of(project: Project, task: Task, now: datetime) -> Live:
    """What to show of a project that was at rest, at the moment that its start begins: without its services."""
    return Live(
        id=project.pk,
        name=project.name,
        path=project.path,
        engine=project.get_engine_display(),
        status=project.state,
        look=of_project(project.state),
        since=_since(project, project.state, now),
        observed=_observed(project, now),
        work=view_of(task, now),
        node="" if project.is_here else project.node,
        notice=notice(project.node),
    )


def _is_stale(observed_at: datetime | None, now: datetime) -> bool:
    return observed_at is None or now - observed_at > KNOWN_FOR


def _since(project: Project, status: str, now: datetime) -> str:
    if never_started(project):
        return ""
    seconds = (now - project.state_since).total_seconds()
    words = {"running": "up {}", "degraded": "up {}", "failed": "failed {} ago", "stopped": "stopped {} ago"}
    return words[status].format(coarse(seconds)) if status in words else ""


def _observed(project: Project, now: datetime) -> str:
    if project.observed_at is None:
        return "never started" if never_started(project) else "not observed yet"
    if _is_stale(project.observed_at, now):
        return f"last observed {ago(project.observed_at, now)}"
    return "observed just now"


def _front(services: list[Service], leases: list[PortLease]) -> int | None:
    return front_of(services, {lease.service: lease.host_port for lease in reversed(leases)})


def _reason(project: Project, status: str, now: datetime, faults: tuple[Fault, ...]) -> str:
    if status == "unknown":
        return shown_reason(project, now) if not project.is_here else ""
    is_told = any(project.reason.rstrip(".").replace(f"{fault.service}: ", f"{fault.service} ") in fault.title
                  for fault in faults)
    return project.reason if status in ("running", "degraded", "stopped") and not is_told else ""


def _summary(project: Project, services: list[Service], status: str) -> str:
    if status == "unknown":
        return "not known now"
    if not services and not project.is_here:
        return f"read on {project.node} at the first start"
    running = [row for row in services if row.state == "running"]
    parts = [f"{len(running)} of {len(services)} running"]
    shares = [row.cpu for row in running if row.cpu is not None]
    memory = [row.memory for row in running if row.memory is not None]
    if shares:
        parts.append(f"CPU {cores(sum(shares))}")
    if memory:
        parts.append(size(sum(memory)))
    return " · ".join(parts)


def _faults(project: Project, services: list[Service], status: str, task: Task | None,
            taken: tuple[TakenPort, ...]) -> tuple[Fault, ...]:
    if status not in ("failed", "degraded"):
        return ()
    broken = [row for row in services if row.state in ("failed", "missing", "restarting")]
    sick = [row for row in services if row.health == "unhealthy"]
    told = current().payloads
    hint = task.detail if told and status == "failed" and task is not None and task.state == "failed" else ""
    boxed = project.engine != Project.Engine.PROCESS
    places = _places(project) if broken or sick else {}
    faults = [Fault(f"{row.name} {_ended(row)}", row.name, tuple(lines_of(row.last_lines[-20:])) if told else (), "",
                    cause_of(_ended(row), row.last_lines[-20:], containers=boxed), places.get(row.name, ""))
              for row in broken]
    told = any(project.reason and row.reason and row.reason in project.reason for row in broken)
    if status == "failed" and project.reason and not told:
        cause = None if faults else cause_of(project.reason, hint.splitlines(), containers=boxed)
        place = next((places[row.name] for row in sick if project.reason.startswith(row.name)), "")
        named = tuple(one for one in taken if f"Port {one.port} of {one.service} " in project.reason)
        faults.insert(0, Fault(project.reason, "", (), "" if faults else hint, cause, place, named))
    if not faults:
        faults = [Fault(f"{row.name} runs, but does not answer its check", row.name, (), "",
                        cause_of("health check fails" if boxed else "did not answer", (), containers=boxed),
                        places.get(row.name, "")) for row in sick]
    return tuple(faults)


def _places(project: Project) -> dict[str, str]:
    """Where each service stands, in what was started last."""
    definition = project.revisions.values_list("definition", flat=True).first() or {"services": []}
    return {service["name"]: f"{PurePath(definition['source']).name}, line {service['line']}"
            for service in definition["services"] if service.get("line")}


def _ended(row: Service) -> str:
    if row.reason:
        return row.reason
    if row.signal:
        return f"was ended by signal {row.signal}"
    if row.exit_code is not None:
        return f"exited with code {row.exit_code}"
    return f"is {row.state}"


def _taken(leases: Sequence[PortLease]) -> tuple[TakenPort, ...]:
    return tuple(
        TakenPort(lease.pk, lease.service, lease.host_port, host_ports.holder(lease.host_port))
        for lease in leases if not host_ports.is_free(lease.host_port, lease.protocol)
    )
