"""A service as a line of the table on its project's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from projects.models import PortLease, Service
from projects.observation import ALIVE
from projects.presentation.front import speaks_http
from projects.presentation.states import Look, of_service
from projects.presentation.words import coarse, cores, count, size


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


def row_of(row: Service, leases: Sequence[PortLease], named: frozenset[tuple[str, int]], status: str,
           now: datetime, is_here: bool) -> ServiceRow:
    """What to show of a service of a project with that status, with those leases."""
    if status == "unknown" and row.state in ALIVE:
        return _last_seen(row, leases, named)
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
            PortRow(lease.host_port, _inner(lease, named), runs, is_here and speaks_http(row.name))
            for lease in leases if lease.service == row.name
        ),
        cpu=cores(row.cpu) if runs else "",
        memory=size(row.memory) if runs else "",
        up=coarse((now - row.started_at).total_seconds()) if runs and row.started_at else "",
        can_restart=status in ("running", "degraded") and row.kind == Service.Kind.SERVICE,
    )


def _last_seen(row: Service, leases: Sequence[PortLease], named: frozenset[tuple[str, int]]) -> ServiceRow:
    """A service of which nothing is known now."""
    look = of_service("unknown")
    ports = tuple(PortRow(lease.host_port, _inner(lease, named), False, False)
                  for lease in leases if lease.service == row.name)  # fmt: skip
    return ServiceRow(row.name, row.command, look, look.word, f"was {row.state}", ports, "", "", "", False)


def _inner(lease: PortLease, named: frozenset[tuple[str, int]]) -> int | None:
    known = (lease.service, lease.container_port) in named
    return lease.container_port if known and lease.container_port != lease.host_port else None


def _note(row: Service) -> str:
    restarts = f"restarted {count(row.restarts, 'time')}" if row.restarts else ""
    if row.state == "running":
        answers = {"healthy": "answers", "unhealthy": "does not answer its check"}.get(row.health, "")
        return ", ".join(part for part in (answers, restarts) if part)
    return ", ".join(part for part in (row.reason, restarts) if part)
