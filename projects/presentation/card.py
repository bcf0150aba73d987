"""The card of a project: everything needed to decide, made of few queries for many projects."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from events.context import current
from events.words import ago
from projects.models import PortLease, Project, Service
from projects.observation import ALIVE, health_of, never_started, shown_reason, shown_status
from projects.presentation.front import front_of, speaks_http
from projects.presentation.states import Look, of_project, of_service
from projects.presentation.words import coarse, cores, size
from tasks.models import Task
from tasks.presentation import TaskView, view_of
from tasks.states import ACTIVE

ATTENTION = ("failed", "degraded", "unknown")


@dataclass(frozen=True, slots=True)
class Chip:
    """A service on a card. `port` is its first host port; it can be opened while the service runs, in a browser where
    `http`."""

    name: str
    look: Look
    port: int | None
    opens: bool
    http: bool


@dataclass(frozen=True, slots=True)
class Card:
    """What the card of one project shows; equal cards look the same."""

    id: int
    name: str
    path: str
    engine: str
    status: str
    look: Look
    fault: str
    fault_lines: tuple[str, ...]
    faulty: str
    work: TaskView | None
    chips: tuple[Chip, ...]
    ports: tuple[int, ...]
    open_port: int | None
    usage: str
    facts: str
    is_here: bool

    @property
    def version(self) -> str:
        """A short mark of everything shown: a card with the same mark need not be sent again. Before its dash stands
        the mark of all but numbers and ages."""
        frame = zlib.crc32(repr(replace(self, usage="", facts="")).encode())
        return f"{frame:08x}-{zlib.crc32(repr((self.usage, self.facts)).encode()):08x}"

    @property
    def running(self) -> int:
        return sum(chip.opens for chip in self.chips)

    @property
    def wants_attention(self) -> bool:
        return self.status in ATTENTION


def cards_of(projects: Iterable[Project], now: datetime | None = None) -> list[Card]:
    """The cards of the projects, in their order: three queries, however many there are."""
    projects = list(projects)
    now = now or timezone.now()
    keys = [project.pk for project in projects]
    services: dict[int, list[Service]] = defaultdict(list)
    for service in Service.objects.filter(project__in=keys):
        services[service.project_id].append(service)
    leases: dict[int, list[PortLease]] = defaultdict(list)
    for lease in PortLease.objects.filter(project__in=keys).order_by("instance", "container_port"):
        leases[lease.project_id].append(lease)
    tasks = active_tasks(projects)
    return [
        card_of(project, services[project.pk], leases[project.pk], tasks.get(project.subject), now)
        for project in projects
    ]


def active_tasks(projects: Iterable[Project]) -> dict[str, Task]:
    """The active task of each project that has one, by subject; there is never more than one."""
    subjects = [project.subject for project in projects]
    # Neither params nor result are shown, and both may be large.
    active = Task.objects.filter(subject__in=subjects, state__in=ACTIVE).defer("params", "result", "detail")
    return {task.subject: task for task in active}


def card_of(project: Project, services: list[Service], leases: list[PortLease], task: Task | None,
            now: datetime) -> Card:
    """The card of one project."""
    ports: dict[str, int] = {}
    for lease in leases:
        ports.setdefault(lease.service, lease.host_port)
    status = shown_status(project, services, now)
    broken = next((row for row in services if row.state in ("failed", "missing", "restarting")), None)
    faulty = status in ATTENTION
    return Card(
        id=project.pk,
        name=project.name,
        path=project.path if project.is_here else f"{project.node}:{project.path}",
        engine=project.get_engine_display(),
        status=status,
        look=of_project(status),
        fault=_fault(project, broken, services) if faulty else "",
        fault_lines=tuple(broken.last_lines[-1:]) if faulty and broken and current().payloads else (),
        faulty=broken.name if broken else "",
        work=view_of(task, now, steps=False) if task else None,
        chips=tuple(
            _chip(row, ports.get(row.name), status, project.is_here)
            for row in services
        ),
        ports=tuple(sorted(lease.host_port for lease in leases)),
        open_port=front_of(services, ports) if project.is_here else None,
        usage=_usage(services) if status in ("running", "degraded") else "",
        facts=_facts(project, status, task, now),
        is_here=project.is_here,
    )


def _chip(row: Service, port: int | None, status: str, is_here: bool) -> Chip:
    if status == "unknown" and row.state in ALIVE:
        return Chip(row.name, of_service("unknown"), port, False, False)
    look = of_service(row.state, row.health)
    return Chip(row.name, look, port, row.state == "running", is_here and speaks_http(row.name))


def _fault(project: Project, broken: Service | None, services: list[Service]) -> str:
    if reason := shown_reason(project):
        return reason
    if broken is not None:
        return f"{broken.name}: {broken.reason or broken.state}"
    sick = [row.name for row in services if row.health == "unhealthy"]
    if sick:
        return f"{', '.join(sick)}: no answer to its check."
    return "It was not observed lately." if health_of(project, services) == "none" else ""


def _usage(services: list[Service]) -> str:
    shares = [row.cpu for row in services if row.cpu is not None]
    memory = [row.memory for row in services if row.memory is not None]
    parts = []
    if shares:
        parts.append(f"CPU {cores(sum(shares))}")
    if memory:
        parts.append(f"RAM {size(sum(memory))}")
    return " · ".join(parts)


def _facts(project: Project, status: str, task: Task | None, now: datetime) -> str:
    if task is not None:
        return f"by {task.actor}, {ago(task.started_at or task.created_at, now)}"
    if never_started(project):
        return "never started"
    since = (now - project.state_since).total_seconds()
    if status in ("running", "degraded"):
        return f"up {coarse(since)}"
    return f"{status} {coarse(since)} ago" if status in ("failed", "stopped") else ""
