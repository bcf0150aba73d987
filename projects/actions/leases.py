"""Leasing another port in the place of one."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from events.actions import record
from projects import ports
from projects.actions.wish import AT_REST
from projects.errors import ProjectError
from projects.models import PortLease, Project
from tasks.actions import active_on


def release_port(project: Project, lease_id: int) -> PortLease:
    """Lease another host port in the place of one, such as one that a foreign process took."""
    lease = project.leases.get(pk=lease_id)
    before = lease.host_port
    for _ in range(ports.ATTEMPTS):
        try:
            with transaction.atomic():
                # Locked, so that a start which is asked for at this moment comes before or after, never in between.
                now = Project.objects.select_for_update().get(pk=project.pk)
                if now.state not in AT_REST or active_on(project.subject) is not None:
                    raise ProjectError(f"{now.name} is {now.state}, or about to be.", code="conflict",
                                       hint="Stop it, or wait until its task has ended.")
                lease.host_port = ports.free_ports(1, ports.taken(now.node), now.node)[0]
                lease.save(update_fields=["host_port"])
                record("project.port-leased", {"project": project.pk, "name": project.name, "service": lease.service,
                                               "port": lease.host_port, "instead_of": before}, about=project.subject)
            return lease
        except IntegrityError:
            continue  # another project was quicker; the next look sees its lease
    raise ProjectError("No port could be leased: others are quicker.", code="conflict", hint="Try again.")
