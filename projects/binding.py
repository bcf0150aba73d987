"""From a project's rows to what an engine runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db import transaction

from projects import environment, ports, revisions
from projects.definitions import from_json, to_json
from projects.engines.base import Engine
from projects.engines.registry import ENGINES
from projects.errors import ProjectError
from projects.models import Project, Revision, Service
from projects.stacks import detect, folders
from projects.stacks.compose.files import OVERRIDES
from projects.stacks.spec import Definition, ServiceSpec, Stack, StackError
from projects.states import ProjectState


def engine_of(project: Project) -> Engine:
    """The engine that runs a project. ProjectError when this Hub has none of that name."""
    try:
        return ENGINES[project.engine]
    except KeyError:
        raise ProjectError(f"This Hub has no engine named {project.engine!r}.", field="engine",
                           hint=f"Engines: {', '.join(ENGINES)}.") from None


def home_of(slug: str) -> Path:
    """The folder in Hub's data that belongs to one project: `run` (logs, state), `data` and `tree` are in it."""
    return settings.HUB_DATA / "stacks" / slug


def allowed_folder(path: str) -> Path:
    """The folder at `path`, seen to be one that Hub may run: below the projects' root, one of the examples, or a
    work tree that Hub made for a copy. StackError for every other."""
    others = [settings.HUB_EXAMPLES, settings.HUB_DATA / "stacks"]
    try:
        place = Path(path).expanduser().resolve()
        root = next((other for other in others if place.is_relative_to(other)), settings.HUB_PROJECTS_ROOT)
    except (OSError, RuntimeError, ValueError):  # what `confine` has words for
        root = settings.HUB_PROJECTS_ROOT
    folder = folders.confine(root, path)
    for name in (*detect.COMPOSE_FILENAMES, *OVERRIDES, "Procfile", ".env", ".foreman"):
        file = folder / name
        if file.is_symlink() and not file.resolve().is_relative_to(root.resolve()):
            raise StackError(f"{file} is a link that leads out of {root}.", file=file, code="outside",
                             hint="Hub reads only what lies below that folder.")
    return folder


def read_definition(path: str, engine: str = "", env: dict[str, str] | None = None) -> Definition:
    """What the folder says now. ProjectError for everything that is wrong with it."""
    try:
        return detect.read(allowed_folder(path), engine or None, env)
    except StackError as error:
        raise ProjectError.of_stack(error, field="engine" if error.code == "ambiguous" else "path") from None


def sync_services(project: Project, services: tuple[ServiceSpec, ...]) -> None:
    """Make the rows of the project's services those of its definition; what was observed of them stays."""
    rows = {row.name: row for row in project.services.all()}
    for position, spec in enumerate(services):
        values = {"position": position, "kind": spec.kind, "command": spec.command, "depends_on": list(spec.depends_on)}
        row = rows.pop(spec.name, None)
        if row is None:
            Service.objects.create(project=project, name=spec.name, **values)
        elif any(getattr(row, name) != value for name, value in values.items()):
            Service.objects.filter(pk=row.pk).update(**values)
    Service.objects.filter(pk__in=[row.pk for row in rows.values()]).delete()


def new_revision(project: Project, task_id=None) -> Stack:
    """Read the folder, lease what its ports need, and keep all of it as the project's next revision.

    A run again of the same task uses the revision that it made before, and a start of what runs already as it is the
    one that runs. ProjectError when the folder cannot be read.
    """
    kept = project.revisions.filter(task_id=task_id, because="").first() if task_id else None
    if kept is not None:
        return _to_start(project, kept)
    own = environment.load(project)
    definition = read_definition(project.path, project.engine, own)
    definition = replace(definition, inputs=engine_of(project).inputs(definition))
    with transaction.atomic():
        leases = ports.lease(project, definition.services)
        sync_services(project, definition.services)
        last = project.revisions.first()
        variables = {**definition.env, **own}
        if last is not None and project.state == ProjectState.RUNNING and last.ports == revisions.ports_of(leases) \
                and last.definition == to_json(definition) and environment.load(last) == variables \
                and environment.load_document(last) == definition.document:
            return _to_start(project, last)
        revision = revisions.keep(project, definition, variables, leases, task_id=task_id)
    return _to_start(project, revision)


def restored_revision(project: Project, number: int, task_id=None, because: str = "") -> Stack:
    """A kept revision again, as the project's next one: its definition, variables and images, on the ports that are
    leased now. `because`: the failure after which Hub itself goes back.

    A run again of the same task uses the one that it made before. ProjectError when the revision is not kept.
    """
    # Asked first: the source may have been the oldest kept, which its own return put out.
    again = project.revisions.filter(task_id=task_id, because=because, restored__isnull=False)
    if task_id and (kept := again.first()) is not None:
        return _to_start(project, kept)
    source = revisions.find(project, number)
    # What was brought back before is told by the number that it first had.
    number = source.restored or source.number
    definition = revisions.definition_of(source)
    with transaction.atomic():
        leases = ports.lease(project, definition.services)
        sync_services(project, definition.services)
        revision = revisions.keep(project, definition, environment.load(source), leases, task_id=task_id,
                                  restored=number, because=because, images=source.images)
    return _to_start(project, revision)


def _to_start(project: Project, revision: Revision) -> Stack:
    return replace(_stack(project, revision), keeps=revisions.images_kept(project))


def withdraw(project: Project, stack: Stack) -> None:
    """Undo the revision that is this stack, of which nothing was started: the one before is the newest again."""
    with transaction.atomic():
        project.revisions.filter(number=stack.revision).delete()
        services = running_stack(project).definition.services
        ports.lease(project, services)
        sync_services(project, services)


def running_stack(project: Project) -> Stack:
    """What was started last: the newest revision, or the folder's services when nothing was ever started."""
    revision = project.revisions.first()
    if revision is not None:
        return _stack(project, revision)
    services = tuple(
        ServiceSpec(name=row.name, command=row.command, kind=row.kind, depends_on=tuple(row.depends_on))
        for row in project.services.all()
    )
    definition = Definition(engine=project.engine, path=Path(project.path), source=Path(project.path),
                            services=services)
    return Stack(hub_id=settings.HUB_ID, slug=project.slug, definition=definition,
                 run_dir=home_of(project.slug) / "run", host_ports=host_ports_of(project.leases.all()),
                 adopted=project.adopted)


def folder_stack(project: Project) -> Stack:
    """What the folder says now, as no revision: for work that starts nothing. ProjectError when it cannot be read."""
    own = environment.load(project)
    definition = read_definition(project.path, project.engine, own)
    return Stack(hub_id=settings.HUB_ID, slug=project.slug, definition=definition,
                 run_dir=home_of(project.slug) / "run", env={**definition.env, **own},
                 adopted=project.adopted)


def host_ports_of(leases) -> dict[tuple[str, int, int], int]:
    """The leases as an engine reads them; see `Stack.host_ports`."""
    return _host_ports([[lease.service, lease.instance, lease.container_port, lease.host_port, lease.protocol]
                        for lease in leases])[0]


def _host_ports(kept: list[list]) -> tuple[dict[tuple[str, int, int], int], dict[tuple[str, int, int], int]]:
    """`Stack.host_ports` and `Stack.udp_ports` of the ports that a revision keeps. Those that were kept before there
    was a protocol beside them are of TCP."""
    tcp, udp = {}, {}
    for service, instance, inner, outer, *protocol in kept:
        (udp if protocol == ["udp"] else tcp)[service, instance, inner] = outer
    return {**udp, **tcp}, udp


def _stack(project: Project, revision: Revision) -> Stack:
    variables = environment.load(revision)
    home = home_of(project.slug)
    tcp, udp = _host_ports(revision.ports)
    return Stack(
        hub_id=settings.HUB_ID,
        slug=project.slug,
        definition=from_json(revision.definition, variables, environment.load_document(revision)),
        run_dir=home / "run",
        env={**variables, "HUB_STACK_DATA": str(home / "data")},
        host_ports=tcp,
        udp_ports=udp,
        revision=revision.number,
        adopted=project.adopted,
        # Only what is brought back runs the images of that time: a start of the folder builds and pulls its own.
        images=dict(revision.images) if revision.restored is not None else {},
    )
