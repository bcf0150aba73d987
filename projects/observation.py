"""What was seen of a project: written by those who look, read by pages and API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from events.actions import record
from events.context import current
from projects.engines.base import Engine, ServiceStatus, StackStatus
from projects.models import PortLease, Project, Service
from projects.stacks.spec import Stack
from projects.states import ProjectState
from tasks.nodes.registry import moment

ALIVE = frozenset({"running", "starting", "restarting", "paused"})
GOOD = frozenset({"running", "completed"})
# An exit that the restart policy has cured already is still told for so long.
TOLD_FOR = timedelta(seconds=90)
# What was seen longer ago than this is not known any more.
KNOWN_FOR = timedelta(seconds=8)
# Between the two times that a new project is given.
AT_ONCE = timedelta(seconds=1)

_SEEN = ("state", "health", "reason", "last_lines", "pid", "container_id", "restarts", "exit_code", "signal",
         "started_at", "instances")


def observe(project: Project, engine: Engine, stack: Stack, *, fresh: bool = False) -> StackStatus:
    """Look at the stack and write down what is seen. The state of the project itself is moved by others.

    A service that was seen to fail is not overwritten by "stopped" unless `fresh`: the reason of a failed start stays
    readable after the start has been tidied up.
    """
    status = engine.status(stack)
    write(project, list(project.services.all()), status, fresh=fresh)
    Project.objects.filter(pk=project.pk).update(observed_at=status.observed_at)
    project.observed_at = status.observed_at
    return status


def write(project: Project, rows: list[Service], status: StackStatus, *, fresh: bool = False) -> None:
    """Write the observed services that changed, and the project's reason when it changed."""
    seen = {service.name: service for service in status.services}
    for row in rows:
        service = seen.get(row.name)
        if service is None or (row.state == "failed" and service.state == "stopped" and not fresh):
            continue
        values = _values(service)
        if any(getattr(row, name) != value for name, value in values.items()):
            with transaction.atomic():
                Service.objects.filter(pk=row.pk).update(**values)
                if (row.state, row.health) != (values["state"], values["health"]):
                    _record(project, row, service)
            for name, value in values.items():
                setattr(row, name, value)
    if project.state == ProjectState.RUNNING:
        _tell(project, status)


def _record(project: Project, row: Service, seen: ServiceStatus) -> None:
    record(f"service.{seen.state}", {
        "project": project.pk, "name": project.name, "service": row.name, "health": seen.health, "from": row.state,
        "reason": seen.reason}, about=project.subject)


def _tell(project: Project, status: StackStatus) -> None:
    """Keep the reason true: the newest occurrence for a while, else what is wrong now, else nothing."""
    now = timezone.now()
    newest = max(status.occurrences, key=lambda occurrence: occurrence.at, default=None)
    if newest is not None and now - newest.at < TOLD_FOR:
        reason, at = newest.message, newest.at
    else:
        reason = wrong_with(status)
        at = now if reason else None
        if not reason and project.reason_at is not None and now - project.reason_at < TOLD_FOR:
            return
    if reason != project.reason:
        Project.objects.filter(pk=project.pk, state=project.state).update(reason=reason, reason_at=at)
        project.reason, project.reason_at = reason, at


def wrong_with(status: StackStatus) -> str:
    """What is wrong with the first service that is not well, by its name; empty when all are, or none says why."""
    return next((f"{service.name}: {service.reason}" for service in status.services
                 if service.state not in GOOD and service.reason), "")


def _values(service: ServiceStatus) -> dict[str, Any]:
    first = service.instances[0] if service.instances else None
    values: dict[str, Any] = {
        "state": service.state,
        "health": service.health,
        "reason": service.reason,
        "last_lines": list(service.last_lines),
        "pid": first.pid if first else None,
        "container_id": first.container_id if first else "",
        "restarts": sum(instance.restarts for instance in service.instances),
        "exit_code": first.exit_code if first else None,
        "signal": first.signal if first else "",
        "started_at": first.started_at if first else None,
        "instances": [
            {"name": instance.name, "state": instance.state, "health": instance.health, "pid": instance.pid,
             "restarts": instance.restarts, "exit_code": instance.exit_code, "signal": instance.signal,
             "reason": instance.reason, "started_at": instance.started_at and instance.started_at.isoformat()}
            for instance in service.instances
        ],
    }
    if set(values) != set(_SEEN):
        raise AssertionError("what is written of a service and what is compared must be the same")
    return values


def is_alive(status: StackStatus) -> bool:
    """Whether anything of the stack runs, or all of it was one-shot and has completed."""
    states = [service.state for service in status.services]
    return any(state in ALIVE for state in states) or (bool(states) and all(state == "completed" for state in states))


def health_of(project: Project, services: Iterable[Service]) -> str:
    """`healthy`: every service is as it should be; `degraded`: some are; `unhealthy`: none is; `none`: not running."""
    if project.state != ProjectState.RUNNING:
        return "none"
    good = [service.state in GOOD and service.health != "unhealthy" for service in services]
    if all(good):
        return "healthy"
    return "degraded" if any(good) else "unhealthy"


def never_started(project: Project) -> bool:
    """Whether it stands still because nobody has started it yet: its state is as old as the project itself."""
    return project.state == ProjectState.STOPPED and project.state_since - project.created_at < AT_ONCE


def shown_status(project: Project, services: Iterable[Service], now: datetime | None = None) -> str:
    """The state as people read it: the observed one, `degraded` where some service is not well, `unknown` when a
    running stack, or any of another node, was not looked at for some seconds."""
    if not is_certain(project, now):
        return "unknown"
    if project.state == ProjectState.RUNNING and health_of(project, services) != "healthy":
        return "degraded"
    return str(project.state)


def is_certain(project: Project, now: datetime | None = None) -> bool:
    """Whether its state can be told: what stands still here stays so, but who knows what another node does that is
    not heard of. One that was never started there is not looked at, and is what it was."""
    if project.state != ProjectState.RUNNING and (project.is_here or project.observed_at is None):
        return True
    return is_known(project, now)


def shown_reason(project: Project, now: datetime | None = None) -> str:
    """Why it is as it is, in a sentence; for one that another node is to tell of, since when that has not."""
    if project.is_here or project.observed_at is None or is_certain(project, now):
        return project.reason
    return f"Its node {project.node} has not answered since {moment(project.observed_at)}."


def is_known(project: Project, now: datetime | None = None) -> bool:
    """Whether the project was looked at lately enough to say how it is now."""
    return project.observed_at is not None and (now or timezone.now()) - project.observed_at <= KNOWN_FOR


def service_dict(service: Service, leases: Iterable[PortLease], known: bool = True) -> dict[str, Any]:
    """A service in the shape of the REST contract. `leases` are those of its project; not `known`: what was last seen
    of one that ran is too old to be told."""
    ports = [
        {"container": lease.container_port, "protocol": lease.protocol, "host": lease.host_port,
         "url": _url(service.project, lease)}
        for lease in leases if lease.service == service.name
    ]
    return {
        "name": service.name,
        "kind": service.kind,
        "state": service.state if known or service.state not in ALIVE else "unknown",
        "health": service.health if known else "none",
        "reason": service.reason,
        "last_lines": service.last_lines if current().payloads else [],
        "port": ports[0]["host"] if ports else None,
        "ports": ports,
        "pid": service.pid,
        "container_id": service.container_id or None,
        "restarts": service.restarts,
        "exit_code": service.exit_code,
        "signal": service.signal or None,
        "started_at": service.started_at,
        "depends_on": service.depends_on,
        "cpu": service.cpu,
        "memory": service.memory,
        "instances": service.instances,
    }


def _url(project: Project, lease: PortLease) -> str | None:
    """Where a port is reached from this host; None on another, of whose address Hub knows nothing."""
    return f"http://127.0.0.1:{lease.host_port}" if project.is_here else None


def status_of(project: Project) -> dict[str, Any]:
    """A project's orchestration status in the shape of the REST contract; times are datetimes."""
    services = list(project.services.all())
    leases = list(project.leases.all())
    known = is_certain(project)
    return {
        "status": shown_status(project, services),
        "health": health_of(project, services),
        "observed_at": project.observed_at,
        "reason": shown_reason(project),
        "services": [service_dict(service, leases, known=known) for service in services],
        "running_count": sum(service.state == "running" for service in services) if known else 0,
        "total_count": len(services),
    }


def project_dict(project: Project) -> dict[str, Any]:
    """A project in the shape of the REST contract; times are datetimes. Reads `services` and `leases`."""
    services = list(project.services.all())
    return {
        "id": project.pk,
        "name": project.name,
        "slug": project.slug,
        "path": project.path,
        "engine": project.engine,
        "status": shown_status(project, services),
        "health": health_of(project, services),
        "desired": project.desired,
        "observed_at": project.observed_at,
        "reason": shown_reason(project),
        "node": project.node,
        "autostart": project.autostart,
        "return_to_good": project.return_to_good,
        "ports": [
            {"service": lease.service, "container_port": lease.container_port, "port": lease.host_port,
             "protocol": lease.protocol, "url": _url(project, lease)}
            for lease in project.leases.all()
        ],
        "created_at": project.created_at,
    }
