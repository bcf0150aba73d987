"""Nodes, as far as projects belong to them: another name, and an end."""

from __future__ import annotations

from django.db import transaction

from events.actions import record
from projects.errors import ProjectError
from projects.models import PortLease, Project
from tasks.models import Node, Task
from tasks.nodes import registry
from tasks.states import ACTIVE


def rename_node(old: str, new: str) -> int:
    """Give the projects of a node, and their ports, to another name; returns how many. Stop them before: what runs is
    where it was. Raises BadNode for names that are none, ProjectError (conflict) while it is in use."""
    registry.checked(new)
    if not Project.objects.filter(node=old).exists():
        registry.known(old)
    with transaction.atomic():
        projects = Project.objects.filter(node=old)
        _refuse_busy(old)
        taken = PortLease.objects.filter(node=new).values("host_port")
        if clash := PortLease.objects.filter(node=old, host_port__in=taken).first():
            raise ProjectError(f"Port {clash.host_port} is leased on both nodes: lease another one first.",
                               code="conflict")
        PortLease.objects.filter(node=old).update(node=new)
        number = projects.update(node=new)
        Node.objects.get_or_create(name=new)
        Node.objects.filter(name=old).delete()
        record("node.renamed", {"from": old, "to": new, "projects": number})
    return number


def forget_node(name: str) -> None:
    """Forget one that is gone and has no projects. Raises BadNode, ProjectError (conflict)."""
    registry.known(name)
    with transaction.atomic():
        _refuse_busy(name)
        if number := Project.objects.filter(node=name).count():
            raise ProjectError(f"{number} projects belong to {name}: delete them, or rename the node.",
                               code="conflict")
        if any(one.name == name and one.answers for one in registry.nodes()):
            raise ProjectError(f"{name} is alive: stop its workers and its watch first.", code="conflict")
        Node.objects.filter(name=name).delete()
        record("node.removed", {"node": name})


def _refuse_busy(name: str) -> None:
    busy = Task.objects.filter(node=name, state__in=sorted(ACTIVE)).first()
    if busy is not None:
        raise ProjectError(f"{busy.title} is under way on {name}: wait until it has ended, or cancel it.",
                           code="conflict")
