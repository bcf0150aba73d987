"""Adopt what runs already: a Compose project that somebody started without Hub becomes a project, and runs on."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction

from events.actions import record
from events.context import current
from projects import environment, names, revisions
from projects.binding import allowed_folder, read_definition, running_stack, sync_services
from projects.engines.base import EngineError
from projects.engines.compose.containers import Container
from projects.engines.compose.found import Found
from projects.engines.registry import ENGINES
from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.moves import move
from projects.observation import observe
from projects.stacks import detect
from projects.stacks.compose.files import files_of
from projects.stacks.compose.variables import read_env
from projects.stacks.spec import Definition, StackError
from projects.states import Desired, ProjectState

COMPOSE = "compose"


@dataclass(slots=True)
class Adoptable:
    """Something that runs, and could be adopted under its `name`; `error` says why not. `ports` are the host ports on
    which it answers, `warnings` what an adopter should know before."""

    name: str
    engine: str
    path: str
    services: list[str]
    ports: list[int]
    error: ProjectError | None = None
    warnings: list[str] = field(default_factory=list)


def adoptable() -> list[Adoptable]:
    """What runs on this host, and is no project yet. ProjectError when Docker cannot be asked."""
    registered = set(Project.objects.filter(node=settings.HUB_NODE).exclude(adopted="")
                     .values_list("adopted", flat=True))
    return [_seen(found) for found in _found() if found.name not in registered]


def adopt(running: str, *, name: str = "") -> Project:
    """Register the Compose project called `running`: its folder, what runs as its first revision, its published ports
    as its leases. Nothing is restarted or changed. All or nothing; ProjectError says what is in the way."""
    if owner := Project.objects.filter(node=settings.HUB_NODE, adopted=running).exclude(adopted="").first():
        raise _registered(running, owner)
    found = next((one for one in _found() if one.name == running), None)
    if found is None:
        raise ProjectError(f"No Compose project named {running[:100]!r} runs here without Hub.", field="adopt",
                           hint="docker compose ls shows what runs; what a Hub started cannot be adopted.")
    folder = _folder(found)
    _refuse_ports(found)
    name = names.checked(name or names.free_name(running))
    variables = environment.checked(_variables(found, folder))
    definition, variables = _definition(found, folder, variables)
    project = Project(name=name, slug=names.free_slug(name), path=str(folder), engine=COMPOSE, adopted=running,
                      created_by=current().actor)
    environment.store(project, variables)
    try:
        with transaction.atomic():
            _register(project, found, definition, variables)
    except IntegrityError:
        # Somebody was quicker with the name, a port, or with adopting it.
        names.checked(name)
        if owner := Project.objects.filter(node=settings.HUB_NODE, adopted=running).first():
            raise _registered(running, owner) from None
        _refuse_ports(found)
        raise ProjectError("Another project was registered at the same moment.", code="conflict",
                           hint="Try again.") from None
    _look(project)
    return project


def _register(project: Project, found: Found, definition: Definition, variables: dict[str, str]) -> None:
    """Every row of the project, and the engine's own record; what the engine refuses leaves neither."""
    project.save(force_insert=True)
    sync_services(project, definition.services)
    leases = PortLease.objects.bulk_create(_leases(project, found))
    revision = revisions.keep(project, definition, {**definition.env, **variables},
                              sorted(leases, key=lambda lease: lease.host_port),
                              images={one.service: one.image for one in found.containers})
    if all(_is_well(one) for one in found.containers):
        project.revisions.filter(pk=revision.pk).update(started_ok=True)
    record("project.adopted", {"project": project.pk, "name": project.name, "path": project.path,
                               "engine": project.engine, "from": found.name}, about=project.subject)
    move(project, ProjectState.RUNNING, desired=Desired.RUNNING)
    try:
        ENGINES[COMPOSE].adopt(running_stack(project))
    except EngineError as error:
        raise ProjectError.of_engine(error) from None


def _look(project: Project) -> None:
    """Show at once what is seen of its services. A Docker that does not answer now is told by the next look."""
    with contextlib.suppress(EngineError):
        observe(project, ENGINES[COMPOSE], running_stack(project), fresh=True)


def _found() -> list[Found]:
    try:
        return ENGINES[COMPOSE].found()
    except EngineError as error:
        raise ProjectError.of_engine(error) from None


def _seen(found: Found) -> Adoptable:
    seen = Adoptable(found.name, COMPOSE, str(found.folder), found.services,
                     sorted({port for one in found.containers for port in one.ports.values()}))
    seen.warnings = [f"{service} keeps data in a volume without a name, which its next container will not have."
                     for service in found.unnamed_volumes]
    try:
        _folder(found)
        _refuse_ports(found)
    except ProjectError as error:
        seen.error = error
    return seen


def _folder(found: Found) -> Path:
    """The project's folder. ProjectError when it, or a file that the project was started from, is gone or must not be
    read by Hub."""
    if not found.files or not found.folder.is_absolute():
        raise ProjectError(f"The containers of {found.name} do not say from which files they were made.", field="adopt",
                           hint="Start it once with Docker Compose 2 from a folder.")
    try:
        folder = allowed_folder(str(found.folder))
        for file in (*found.files, *found.env_files):
            if not file.is_file():
                raise ProjectError(f"{file}, from which {found.name} was started, is gone.", field="adopt",
                                   hint="Put it back, or start the project again from where its files are now.")
            allowed_folder(str(file.resolve().parent))
    except StackError as error:
        raise ProjectError.of_stack(error, field="adopt") from None
    return folder


def _refuse_ports(found: Found) -> None:
    """ProjectError when a port on which it answers is leased to another project."""
    asked = {port for one in found.containers for port in one.ports.values()}
    lease = PortLease.objects.select_related("project").filter(node=settings.HUB_NODE, host_port__in=asked).first()
    if lease is not None:
        raise ProjectError(f"Port {lease.host_port} of {found.name} is leased to {lease.service} of "
                           f"{lease.project.name}.", field="adopt", code="conflict",
                           hint=f"Lease another port for {lease.project.name} on its page, then adopt again.")


def _variables(found: Found, folder: Path) -> dict[str, str]:
    """What the project needs in its own environment to be read as it was started: the variables of env files that are
    not the folder's own, and the names of its files where those are not what the folder says by itself."""
    own: dict[str, str] = {}
    try:
        for file in found.env_files:
            if file.resolve() != (folder / ".env").resolve():
                own.update(read_env(file, own))
        source = detect.sources(folder).get(COMPOSE)
        by_itself = files_of(folder, source, read_env(folder / ".env", own)) if source else []
    except StackError as error:
        raise ProjectError.of_stack(error, field="adopt") from None
    if [file.resolve() for file in by_itself] != [file.resolve() for file in found.files]:
        own["COMPOSE_FILE"] = ":".join(os.path.relpath(file.resolve(), folder) for file in found.files)
        own["COMPOSE_PATH_SEPARATOR"] = ":"
    return own


def _definition(found: Found, folder: Path, variables: dict[str, str]) -> tuple[Definition, dict[str, str]]:
    """What the files say now, with the profiles of all that runs, and the variables by which that is so. ProjectError
    for a service that runs, but is in no file any more."""
    try:
        definition = read_definition(str(folder), COMPOSE, variables)
    except ProjectError:
        # Without its profile a service may be missing that others depend on.
        definition = None
    if definition is None or _missing(found, definition):
        variables = _with_profiles(found, folder, variables)
        definition = read_definition(str(folder), COMPOSE, variables)
    if missing := _missing(found, definition):
        raise ProjectError(f"{', '.join(missing)} of {found.name} runs, but is not in its files any more.",
                           field="adopt", hint="Put it back into the file, or remove its container.")
    return definition, variables


def _missing(found: Found, definition: Definition) -> list[str]:
    return sorted(set(found.services) - {service.name for service in definition.services})


def _with_profiles(found: Found, folder: Path, variables: dict[str, str]) -> dict[str, str]:
    """The variables, with the profiles of every service that runs beside those that they ask for."""
    every = read_definition(str(folder), COMPOSE, {**variables, "COMPOSE_PROFILES": "*"})
    services = every.document.get("services") or {}
    asked = {**read_env(folder / ".env", variables), **variables}.get("COMPOSE_PROFILES", "")
    profiles = {name for name in asked.split(",") if name}
    profiles |= {profile for name in found.services for profile in (services.get(name) or {}).get("profiles") or ()}
    return {**variables, "COMPOSE_PROFILES": ",".join(sorted(profiles))} if profiles else variables


def _leases(project: Project, found: Found) -> list[PortLease]:
    """A lease for each published port as it is. A number can be leased once only: where TCP and UDP share one, the
    lease is that of TCP."""
    leases: dict[int, PortLease] = {}
    for one in found.containers:
        for (inner, protocol), outer in sorted(one.ports.items(), key=lambda port: port[0][1]):
            if protocol in ("tcp", "udp"):
                leases.setdefault(outer, PortLease(
                    project=project, node=project.node, service=one.service, instance=one.number,
                    container_port=inner, protocol=protocol, host_port=outer))
    return list(leases.values())


def _is_well(one: Container) -> bool:
    return one.health != "unhealthy" if one.state == "running" else one.state == "exited" and one.exit_code == 0


def _registered(running: str, owner: Project) -> ProjectError:
    return ProjectError(f"{running} is registered already, as {owner.name}.", field="adopt", code="conflict")
