"""What people do with projects: one function each, called by pages, API, admin and commands alike."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath

from django.db import IntegrityError, transaction

from events.actions import record
from events.context import current
from projects import environment, names, placement, ports, revisions, worktrees
from projects.binding import allowed_folder, engine_of, read_definition, sync_services
from projects.errors import ProjectError
from projects.jobs import (
    BuildImages,
    CopyData,
    DeleteProject,
    RestartService,
    RestartStack,
    RollBack,
    StartStack,
    StopStack,
)
from projects.models import PortLease, Project
from projects.moves import move
from projects.stacks import detect
from projects.stacks.spec import Definition, StackError
from projects.states import Desired, ProjectState
from tasks.actions import SubjectBusy, active_on, enqueue
from tasks.models import Task

AT_REST = frozenset({ProjectState.STOPPED, ProjectState.FAILED})


@dataclass(slots=True)
class Preview:
    """What Hub would make of a folder. `ports` holds (service, container port, host port that is free now). `node` is
    the other node that the folder is on: only that can read it."""

    path: str
    name: str = ""
    candidates: list[detect.Candidate] = field(default_factory=list)
    definition: Definition | None = None
    error: ProjectError | None = None
    ports: list[tuple[str, int, int]] = field(default_factory=list)
    node: str = ""


def preview(path: str, engine: str = "", node: str = "") -> Preview:
    """Look at a folder without changing anything; what is wrong is in `error`."""
    seen = Preview(path=path)
    try:
        if not placement.is_here(placement.node_of(node)):
            seen.node, seen.path = node, str(placement.unread(path, engine, node).path)
            seen.name = names.free_name(PurePath(seen.path).name or "project")
            return seen
        folder = allowed_folder(path)
        seen.path = str(folder)
        seen.name = names.free_name(folder.name)
        seen.candidates = detect.detect(folder)
        seen.definition = read_definition(path, engine)
        asked = ports.needs(seen.definition.services)
        free = ports.free_ports(len(asked), ports.taken()) if asked else []
        seen.ports = [(need.service, need.container_port, port) for need, port in zip(asked, free, strict=True)]
    except StackError as error:
        seen.error = ProjectError.of_stack(error)
    except ProjectError as error:
        seen.error = error
    return seen


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
    changed = []
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
                record("project.updated", {"project": project.pk, "name": project.name, "changed": changed},
                       about=project.subject)
    except IntegrityError:
        raise names.taken(project.name) from None
    return project


def copy_project(project: Project, *, name: str, path: str | None = None, branch: str | None = None,
                 with_data: bool = False) -> Project:
    """A second project beside the first: own name, ports, data and environment (taken over from the first).

    The folder is the same one, another one (`path`), or a new git work tree of `branch`, in Hub's data folder or at
    `path`. `with_data` copies what the services put into HUB_STACK_DATA, by a task; the first must be stopped for that.
    """
    name = names.checked(name)
    if with_data and project.state not in (ProjectState.STOPPED, ProjectState.FAILED):
        raise ProjectError(f"{project.name} is {project.state}: its data can only be copied while it is stopped.",
                           field="with_data", code="conflict", hint="Stop it first, or copy without data.")
    if branch:
        placement.require_here(project, "its git repository", "branch")
    tree = worktrees.add(project, names.free_slug(name), branch, path) if branch else None
    try:
        with transaction.atomic():
            copy = create_project(name=name, path=str(tree or path or project.path), engine=project.engine,
                                  env=environment.load(project), copied_from=project, node=project.node)
            if with_data:
                enqueue(CopyData, {"project": copy.pk, "from": project.pk}, subject=copy.subject, node=copy.node)
            record("project.copied", {"project": copy.pk, "name": copy.name, "from": project.pk,
                                      "branch": branch or ""}, about=copy.subject)
    except BaseException:
        if tree is not None:
            worktrees.remove(tree)
        raise
    return copy


def start(project: Project, reason: str = "", revision: int | None = None) -> Task:
    """Start every service, as the folder says now, or as a kept `revision` was. The task is the one that is active when
    the same was asked already; SubjectBusy when another is. `reason` says why Hub itself starts it."""
    kept = {} if revision is None else {"revision": revisions.find(project, revision).number}
    with transaction.atomic():
        task = enqueue(StartStack, {"project": project.pk, **kept}, subject=project.subject, node=project.node)
        begins = project.state != ProjectState.RUNNING or reason
        if not (begins and move(project, ProjectState.STARTING, reason=reason, desired=Desired.RUNNING)):
            _wish(project, Desired.RUNNING)
    return task


def start_again(project: Project, reason: str = "") -> Task:
    """Start what ran last, for Hub itself: a project that somebody (or Hub) took back to a kept revision stays there;
    every other is started as its folder says now."""
    last = project.revisions.first()
    return start(project, reason, last.number if last is not None and last.restored is not None else None)


def roll_back(project: Project, revision: int | None = None) -> Task:
    """Stop what runs and start a kept revision: by number, else the newest good one before what was started last.
    ProjectError when there is none."""
    if revision is None:
        last = project.revisions.first()
        good = revisions.last_good(project, before=last.number if last else None)
        if good is None:
            raise ProjectError(f"{project.name} has no earlier revision that became healthy.", field="revision",
                               code="conflict", hint="Name one of those that are kept.")
        number = good.number
    else:
        number = revisions.find(project, revision).number
    with transaction.atomic():
        task = enqueue(RollBack, {"project": project.pk, "revision": number}, subject=project.subject,
                       node=project.node)
        _wish(project, Desired.RUNNING)
    return task


def stop(project: Project) -> Task:
    """Stop every service, and prove it. SubjectBusy while another task is active: cancelling that one stops a start."""
    with transaction.atomic():
        task = enqueue(StopStack, {"project": project.pk}, subject=project.subject, node=project.node)
        if not move(project, ProjectState.STOPPING, desired=Desired.STOPPED):
            _wish(project, Desired.STOPPED)
    return task


def restart(project: Project) -> Task:
    """Stop and start again, with what the folder says now."""
    with transaction.atomic():
        task = enqueue(RestartStack, {"project": project.pk}, subject=project.subject, node=project.node)
        _wish(project, Desired.RUNNING)
    return task


def restart_service(project: Project, service: str) -> Task:
    """Restart one service. ProjectError when the project has none of that name, or is not running."""
    if not project.services.filter(name=service).exists():
        raise ProjectError(f"{project.name} has no service named {service[:100]}.", field="service")
    if project.state != ProjectState.RUNNING and active_on(project.subject) is None:
        raise ProjectError(f"{project.name} is {project.state}: only a service of a running project can be restarted.",
                           field="service", code="conflict", hint="Start the project.")
    return enqueue(RestartService, {"project": project.pk, "service": service}, subject=project.subject,
                   node=project.node)


def build(project: Project) -> Task:
    """Build the images of a project that Dagger builds, and start nothing. ProjectError for every other engine."""
    if project.engine != Project.Engine.DAGGER:
        raise ProjectError(f"{project.name} is run by the engine {project.engine}, which builds when it starts.",
                           field="engine", code="conflict", hint="Only images of the engine dagger are built alone.")
    return enqueue(BuildImages, {"project": project.pk}, subject=project.subject, node=project.node)


def delete(project: Project, *, data: str = "keep", confirm: str = "") -> Task:
    """Stop the project and remove what Hub made for it. Data are kept unless `data="remove"` and `confirm` is its name.
    The user's own folder is never touched."""
    if data not in ("keep", "remove"):
        raise ProjectError("data must be keep or remove.", field="data")
    if data == "remove" and confirm != project.name:
        raise ProjectError("The name does not match: nothing was deleted.", field="confirm",
                           hint=f"Type {project.name} to remove its data as well.")
    if others := worktrees.users_of(project):
        raise ProjectError(f"{', '.join(others)} runs from the work tree of {project.name}.", code="conflict",
                           hint="Delete that one first.")
    with transaction.atomic():
        task = enqueue(DeleteProject, {"project": project.pk, "data": data}, subject=project.subject, node=project.node)
        _wish(project, Desired.STOPPED)
    return task


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


def service_ports(fields: dict[str, object]) -> dict[str, object]:
    """The ports that an older script names by `backend_port`, `frontend_port`, `postgres_port` and `redis_port`."""
    pattern = re.compile(r"(backend|frontend|postgres|redis)_port")
    return {match[1]: value for name, value in fields.items() if (match := pattern.fullmatch(name))}


def _differs(project: Project, wanted: dict[str, int]) -> bool:
    """Whether a wish for ports asks for anything else than the project has."""
    has = {}
    for lease in project.leases.all():
        has.update({lease.service: lease.host_port, f"{lease.service}:{lease.container_port}": lease.host_port})
    return any(has.get(name) != port for name, port in wanted.items())


def _wish(project: Project, desired: str) -> None:
    Project.objects.filter(pk=project.pk).update(desired=desired)
    project.desired = desired


def _lease(project: Project, definition: Definition, wanted: dict[str, int] | None) -> None:
    ports.lease(project, definition.services, wanted)


__all__ = ["SubjectBusy", "build", "copy_project", "create_project", "delete", "preview", "release_port", "restart",
           "restart_service", "roll_back", "service_ports", "start", "start_again", "stop", "update_project"]
