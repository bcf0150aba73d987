"""Adopting: the list of what can be, and the rows of a project for one of them. Nothing that runs is touched."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import IntegrityError, transaction

from events.actions import record
from events.context import current
from projects import environment, names, revisions
from projects.adoption.candidate import Adoptable, Candidate
from projects.adoption.containers import Foreign, Lost
from projects.adoption.processes import PROCESSES, LostProcesses
from projects.binding import home_of, running_stack, sync_services
from projects.engines.base import EngineError
from projects.engines.registry import ENGINES
from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.moves import move
from projects.observation import observe
from projects.stacks.spec import Definition
from projects.states import Desired, ProjectState


@dataclass(frozen=True, slots=True)
class Survey:
    """What can be adopted on this node; `unreadable`: why its Docker could not be asked."""

    found: list[Adoptable]
    unreadable: ProjectError | None = None


def survey() -> Survey:
    """What is here, and is no project yet: what runs first, by name."""
    unreadable = None
    candidates: list[Candidate] = list(_processes())
    try:
        candidates += _containers()
    except ProjectError as error:
        unreadable = error
    shown = sorted((_shown(one) for one in candidates), key=lambda one: (not one.runs, one.key))
    return Survey(shown, unreadable)


def adoptable() -> list[Adoptable]:
    """What `survey` found. ProjectError when it found nothing because Docker could not be asked."""
    seen = survey()
    if seen.unreadable is not None and not seen.found:
        raise seen.unreadable
    return seen.found


def adopt(running: str, *, name: str = "") -> Project:
    """Register what is listed under the key `running`: its folder, what runs as its first revision, its ports as its
    leases. Nothing is restarted or changed. All or nothing; ProjectError says what is in the way."""
    if owner := _owner(running):
        raise _registered(running, owner)
    candidate = _find(running)
    folder = candidate.folder()
    _refuse_ports(candidate.shown)
    name = names.checked(name or names.free_name(candidate.slug or candidate.shown.name))
    definition, variables = candidate.read(folder)
    project = Project(name=name, slug=candidate.slug or names.free_slug(name), path=str(folder),
                      engine=candidate.shown.engine, adopted=candidate.adopted, created_by=current().actor)
    environment.store(project, variables)
    try:
        with transaction.atomic():
            _register(project, candidate, definition, variables)
    except IntegrityError:
        # Somebody was quicker with the name, a port, or with adopting it.
        names.checked(name)
        if owner := _owner(running):
            raise _registered(running, owner) from None
        _refuse_ports(candidate.shown)
        raise ProjectError("Another project was registered at the same moment.", code="conflict",
                           hint="Try again.") from None
    # A Docker that does not answer now is told by the next look.
    with contextlib.suppress(EngineError):
        observe(project, ENGINES[project.engine], running_stack(project), fresh=True)
    return project


def _find(running: str) -> Candidate:
    found = next((one for one in _processes() if one.shown.key == running), None)
    if found is None and not running.startswith(PROCESSES):
        found = next((one for one in _containers() if one.shown.key == running), None)
    if found is None:
        raise ProjectError(f"Nothing named {running[:100]!r} is here that could be adopted.", field="adopt",
                           hint="docker compose ls --all shows what there is; what another Hub started is not adopted.")
    return found


def _processes() -> list[Candidate]:
    """Stacks of processes that live in Hub's data folder, though no project is theirs."""
    slugs = set(Project.everything.values_list("slug", flat=True))
    folder = settings.HUB_DATA / "stacks"
    run_dirs = {home.name: home / "run" for home in folder.iterdir() if home.name not in slugs} \
        if folder.is_dir() else {}
    return [LostProcesses(one) for one in ENGINES["process"].living(run_dirs, settings.HUB_ID)]


def _containers() -> list[Candidate]:
    """Compose projects that are no project of this Hub. ProjectError when Docker cannot be asked."""
    slugs = set(Project.everything.values_list("slug", flat=True))
    here = Project.everything.filter(node=settings.HUB_NODE).exclude(adopted="")
    adopted = set(here.values_list("adopted", flat=True))
    try:
        found = ENGINES["compose"].found(settings.HUB_ID)
    except EngineError as error:
        raise ProjectError.of_engine(error) from None
    return [Lost(one) if one.slug else Foreign(one) for one in found if one.name not in adopted
            and (not one.slug or one.slug not in slugs)]


def _shown(candidate: Candidate) -> Adoptable:
    shown = candidate.shown
    try:
        candidate.folder()
        _refuse_ports(shown)
    except ProjectError as error:
        shown.error = error
    return shown


def _register(project: Project, candidate: Candidate, definition: Definition, variables: dict[str, str]) -> None:
    """Every row of the project, and the engine's own record; what the engine refuses leaves neither."""
    project.save(force_insert=True)
    sync_services(project, definition.services)
    leases = PortLease.objects.bulk_create(candidate.leases(project, definition))
    engine = ENGINES[project.engine]
    definition = replace(definition, inputs=engine.inputs(definition))
    revision = revisions.keep(project, definition, {**definition.env, **variables},
                              sorted(leases, key=lambda lease: lease.host_port), images=candidate.images,
                              number=candidate.revision)
    project.revisions.filter(pk=revision.pk).update(started_ok=True if candidate.good else None)
    shown = candidate.shown
    record("project.adopted", {"project": project.pk, "name": project.name, "path": project.path,
                               "engine": project.engine, "from": shown.key}, about=project.subject)
    (home_of(project.slug) / "data").mkdir(mode=0o700, parents=True, exist_ok=True)
    if shown.runs:
        move(project, ProjectState.RUNNING, desired=Desired.RUNNING)
    try:
        engine.adopt(running_stack(project), runs=shown.runs)
    except EngineError as error:
        raise ProjectError.of_engine(error) from None


def _refuse_ports(shown: Adoptable) -> None:
    """ProjectError when a port on which it answers is leased to another project."""
    lease = PortLease.objects.select_related("project").filter(node=settings.HUB_NODE,
                                                               host_port__in=shown.ports).first()
    if lease is not None:
        raise ProjectError(f"Port {lease.host_port} of {shown.name} is leased to {lease.service} of "
                           f"{lease.project.name}.", field="adopt", code="conflict",
                           hint=f"Lease another port for {lease.project.name} on its page, then adopt again.")


def _owner(running: str) -> Project | None:
    """The project that what is listed under this key is already."""
    here = Project.everything.filter(node=settings.HUB_NODE)
    slug = running.removeprefix(PROCESSES) if running.startswith(PROCESSES) else running.removeprefix("hub-")
    own = here.filter(slug=slug, adopted="") if slug != running else here.none()
    return here.filter(adopted=running).exclude(adopted="").first() or own.first()


def _registered(running: str, owner: Project) -> ProjectError:
    return ProjectError(f"{running} is registered already, as {owner.name}.", field="adopt", code="conflict")
