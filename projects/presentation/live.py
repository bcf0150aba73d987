"""What the overview of one project shows, and the mark by which its poll sees that nothing changed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import IntegerField, OuterRef, Subquery, Sum, TextField
from django.db.models.functions import Cast, JSONObject

from events.words import ago
from projects.engines import host_ports
from projects.models import PortLease, Project, Service
from projects.observation import KNOWN_FOR, never_started, shown_status
from projects.presentation.cause import Cause, cause_of
from projects.presentation.front import front_of, speaks_http
from projects.presentation.logline import LogLine, lines_of
from projects.presentation.named import named_ports
from projects.presentation.states import Look, of_project, of_service
from projects.presentation.words import coarse, cores, count, size
from tasks.models import Task
from tasks.presentation import TaskView, view_of
from tasks.states import ACTIVE

# Ages on the page move on by so many seconds where nothing else does; by its history a running task moves on by itself.
TICK_KNOWN, TICK_ACTIVE, TICK_IDLE = 1, 5, 60


@dataclass(frozen=True, slots=True)
class PortRow:
    """A leased port of a service: `inner` is the number that its definition gives it, None where it gives none or the
    same. It `opens` while the service runs, in a browser where `http`."""

    host: int
    inner: int | None
    opens: bool
    http: bool


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """A line of the table of services."""

    name: str
    command: str
    look: Look
    word: str
    note: str
    ports: tuple[PortRow, ...]
    cpu: str
    memory: str
    up: str
    can_restart: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a project is not as it should be: what ended and how, its last lines, and its probable cause, with what to do
    about it, as far as these tell."""

    title: str
    service: str
    lines: tuple[LogLine, ...]
    hint: str
    cause: Cause | None = None

    @property
    def key_line(self) -> str:
        """The line that most likely says why: the last one with an error, else the last that says anything."""
        said = [line for line in self.lines if line.text.strip()]
        wrong = [line for line in said if line.level == "error"]
        return (wrong or said)[-1].text.strip() if said else ""


@dataclass(frozen=True, slots=True)
class TakenPort:
    """A leased port on which somebody else listens."""

    lease: int
    service: str
    port: int
    holder: str


@dataclass(frozen=True, slots=True)
class Live:
    """A project as its pages show it."""

    id: int
    name: str
    path: str
    engine: str
    status: str
    look: Look
    since: str
    observed: str
    reason: str
    open_port: int | None
    work: TaskView | None
    last: TaskView | None
    services: tuple[ServiceRow, ...]
    summary: str
    faults: tuple[Fault, ...]
    taken: tuple[TakenPort, ...]

    @property
    def can_start(self) -> bool:
        return self.work is None and self.status in ("stopped", "failed")

    @property
    def can_stop(self) -> bool:
        return self.work is None and self.status in ("running", "degraded", "unknown", "starting", "stopping")

    @property
    def every(self) -> float:
        """Seconds until the next poll; soon while a task has yet to end its first step."""
        if self.work:
            return 1 if any(step.percent == 100 for step in self.work.steps) else 0.5
        return 2


def mark_of(pk: int, now: datetime) -> str | None:
    """A short mark of all that the page of a project shows, in one query; None when there is no such project."""
    subject = Project(pk=pk).subject
    task = Task.objects.filter(subject=subject).order_by("-id").values(
        seen=JSONObject(id="id", state="state", cancelling="cancel_requested", reason="reason", due="due_at",
                        steps=Cast("steps", TextField()))
    )
    leased = PortLease.objects.filter(project=OuterRef("pk")).values("project").annotate(sum=Sum("host_port"))
    rows = list(
        Project.objects.filter(pk=pk)
        .annotate(task=Subquery(task[:1]), leased=Subquery(leased.values("sum"), output_field=IntegerField()))
        .values_list("name", "state", "state_since", "reason", "desired", "observed_at", "task", "leased",
                     "services__name", "services__state", "services__health", "services__reason", "services__restarts",
                     "services__pid", "services__cpu", "services__memory")
        .order_by("services__name")
    )
    if not rows:
        return None
    observed_at, last = rows[0][5], rows[0][6]
    tick = TICK_IDLE
    if last is not None and last["state"] in ACTIVE:
        tick = TICK_KNOWN if last["due"] else TICK_ACTIVE
    clock = int(now.timestamp()) // tick
    seen = [row[:5] + row[6:] for row in rows]
    return f"{zlib.crc32(repr((clock, _is_stale(observed_at, now), seen)).encode()):08x}"


def live_of(project: Project, now: datetime) -> Live:
    """What to show of a project, read in three queries and from its folder."""
    services = list(project.services.all())
    leases = list(project.leases.all())
    task = Task.objects.filter(subject=project.subject).order_by("-id").defer("params", "result").first()
    active = task if task is not None and task.is_active else None
    status = shown_status(project, services, now)
    named = named_ports(project) if leases else frozenset()
    rows = tuple(_service(row, leases, named, status, now) for row in services)
    return Live(
        id=project.pk,
        name=project.name,
        path=project.path,
        engine=project.get_engine_display(),
        status=status,
        look=of_project(status),
        since=_since(project, status, now),
        observed=_observed(project, now),
        reason=project.reason if status in ("running", "degraded", "stopped") else "",
        open_port=front_of(services, {lease.service: lease.host_port for lease in reversed(leases)}),
        work=view_of(active, now) if active else None,
        last=view_of(task, now) if task and active is None and status == "failed" else None,
        services=rows,
        summary=_summary(services),
        faults=_faults(project, services, status, task),
        taken=_taken(leases) if status in ("stopped", "failed") and active is None else (),
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


def _service(row: Service, leases: Sequence[PortLease], named: frozenset[tuple[str, int]], status: str,
             now: datetime) -> ServiceRow:
    runs = row.state == "running"
    look = of_service(row.state, row.health)
    instances = [one for one in row.instances if isinstance(one, dict)]
    word = look.word
    if runs and len(instances) > 1:
        alive = sum(one.get("state") == "running" for one in instances)
        word = f"{alive} of {len(instances)} running"
    return ServiceRow(
        name=row.name,
        command=row.command,
        look=look,
        word=word,
        note=_note(row),
        ports=tuple(
            PortRow(lease.host_port, _inner(lease, named), runs, speaks_http(row.name))
            for lease in leases if lease.service == row.name
        ),
        cpu=cores(row.cpu) if runs else "",
        memory=size(row.memory) if runs else "",
        up=coarse((now - row.started_at).total_seconds()) if runs and row.started_at else "",
        can_restart=status in ("running", "degraded") and row.kind == Service.Kind.SERVICE,
    )


def _inner(lease: PortLease, named: frozenset[tuple[str, int]]) -> int | None:
    known = (lease.service, lease.container_port) in named
    return lease.container_port if known and lease.container_port != lease.host_port else None


def _note(row: Service) -> str:
    restarts = f"restarted {count(row.restarts, 'time')}" if row.restarts else ""
    if row.state == "running":
        answers = {"healthy": "answers", "unhealthy": "does not answer its check"}.get(row.health, "")
        return ", ".join(part for part in (answers, restarts) if part)
    return ", ".join(part for part in (row.reason, restarts) if part)


def _summary(services: list[Service]) -> str:
    running = [row for row in services if row.state == "running"]
    parts = [f"{len(running)} of {len(services)} running"]
    shares = [row.cpu for row in running if row.cpu is not None]
    memory = [row.memory for row in running if row.memory is not None]
    if shares:
        parts.append(f"CPU {cores(sum(shares))}")
    if memory:
        parts.append(size(sum(memory)))
    return " · ".join(parts)


def _faults(project: Project, services: list[Service], status: str, task: Task | None) -> tuple[Fault, ...]:
    if status not in ("failed", "degraded"):
        return ()
    broken = [row for row in services if row.state in ("failed", "missing", "restarting")]
    hint = task.detail if status == "failed" and task is not None and task.state == "failed" else ""
    faults = [Fault(f"{row.name} {_ended(row)}", row.name, tuple(lines_of(row.last_lines[-20:])), "",
                    cause_of(_ended(row), row.last_lines[-20:])) for row in broken]
    told = any(project.reason and row.reason and row.reason in project.reason for row in broken)
    if status == "failed" and project.reason and not told:
        faults.insert(0, Fault(project.reason, "", (), "" if faults else hint,
                               None if faults else cause_of(project.reason, hint.splitlines())))
    if not faults:
        sick = [row.name for row in services if row.health == "unhealthy"]
        faults = [Fault(f"{name} runs, but does not answer its check", name, (), "",
                        cause_of("did not answer", ())) for name in sick]
    return tuple(faults)


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
