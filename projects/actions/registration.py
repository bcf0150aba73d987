"""Registering a folder as a project, and changing what is registered."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from events.actions import record
from events.changes import differences
from events.context import current
from projects import environment, names, placement, ports
from projects.actions.wish import AT_REST
from projects.binding import engine_of, read_definition, sync_services
from projects.errors import ProjectError
from projects.models import Project
from projects.stacks.spec import Definition


def create_project(*, name: str, path: str, engine: str = "", ports: dict[str, int] | None = None,
                   env: dict[str, str] | None = None, autostart: bool = False,
                   copied_from: Project | None = None, node: str = "") -> Project:
    """Register a folder, with its services and leased ports. All or nothing. ProjectError says what is wrong.

    A folder on another `node` is read there, at the first start: until then nothing is known of its services and ports.
    """
    name = names.checked(name)
    variables = environment.checked(env or {})
    node = placement.node_of(node)
    if placement.is_here(node):
        definition = read_definition(path, engine, variables)
    elif ports:
        raise ProjectError(f"The folder is on node {node}, which reads at the first start what ports it needs.",
                           field="ports", hint="Leave them empty, and change them after that.")
    else:
        definition = placement.unread(path, engine, node)
    try:
        with transaction.atomic():
            project = Project(name=name, slug=names.free_slug(name), path=str(definition.path), node=node,
                              engine=definition.engine, autostart=autostart, copied_from=copied_from,
                              created_by=current().actor)
            engine_of(project)
            environment.store(project, variables)
            project.save(force_insert=True)
            sync_services(project, definition.services)
            _lease(project, definition, ports)
            record("project.created", {"project": project.pk, "name": name, "path": project.path,
                                       "engine": project.engine, "node": node}, about=project.subject)
    except IntegrityError:
        # Somebody registered the same name since it was checked, or took a port with every attempt.
        names.checked(name)
        raise ProjectError("Another project was registered at the same moment.", code="conflict",
                           hint="Try again.") from None
    return project


def update_project(project: Project, *, name: str | None = None, env: dict[str, str] | None = None,
                   autostart: bool | None = None, ports: dict[str, int] | None = None,
                   return_to_good: bool | None = None) -> Project:
    """Change what is given. What runs is not touched: variables count from the next start, and ports of a project that
    is not at rest cannot be changed, since those shown are those that answer."""
    at_rest = project.state in AT_REST
    if ports is not None and not at_rest and _differs(project, ports):
        raise ProjectError(f"{project.name} is {project.state}: its ports cannot be changed now.", field="ports",
                           code="conflict", hint="Stop it first.")
    before, changed = _audited(project), []
    if name is not None and name != project.name:
        project.name = names.checked(name, besides=project)
        changed.append("name")
    if env is not None and env != environment.load(project):
        environment.store(project, env)
        changed.append("environment")
    if autostart is not None and autostart != project.autostart:
        project.autostart = autostart
        changed.append("autostart")
    if return_to_good is not None and return_to_good != project.return_to_good:
        project.return_to_good = return_to_good
        changed.append("return_to_good")
    try:
        with transaction.atomic():
            if changed:
                project.save(update_fields=changed)
            if at_rest and (ports is not None or "environment" in changed):
                definition = placement.definition_of(project, environment.load(project))
                if definition is not None:
                    sync_services(project, definition.services)
                    _lease(project, definition, ports)
                    changed.append("ports")
                elif ports:
                    raise ProjectError(f"Which ports it needs is read on node {project.node}, at the first start.",
                                       field="ports", code="conflict", hint="Start it once.")
            if changed:
                told = differences(before, _audited(project), hidden=frozenset({"environment"}))
                record("project.updated", {"project": project.pk, "name": project.name, "changed": changed, **told},
                       about=project.subject)
    except IntegrityError:
        raise names.taken(project.name) from None
    return project


def service_ports(fields: dict[str, object]) -> dict[str, object]:
    """The ports that an older script names by `backend_port`, `frontend_port`, `postgres_port` and `redis_port`."""
    pattern = re.compile(r"(backend|frontend|postgres|redis)_port")
    return {match[1]: value for name, value in fields.items() if (match := pattern.fullmatch(name))}


def _audited(project: Project) -> dict[str, object]:
    """What the audit log compares."""
    return {"name": project.name, "environment": environment.load(project), "autostart": project.autostart,
            "return_to_good": project.return_to_good,
            "ports": {f"{lease.service}:{lease.container_port}": lease.host_port
                      for lease in project.leases.order_by("service", "container_port")}}


def _differs(project: Project, wanted: dict[str, int]) -> bool:
    """Whether a wish for ports asks for anything else than the project has."""
    has = {}
    for lease in project.leases.all():
        has.update({lease.service: lease.host_port, f"{lease.service}:{lease.container_port}": lease.host_port})
    return any(has.get(name) != port for name, port in wanted.items())


def _lease(project: Project, definition: Definition, wanted: dict[str, int] | None) -> None:
    ports.lease(project, definition.services, wanted)
