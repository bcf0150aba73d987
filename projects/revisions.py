"""What each start ran, kept for a while: which one was good, and one of them again."""

from __future__ import annotations

import uuid
from dataclasses import replace

from django.db.models import Max

from projects import environment
from projects.definitions import from_json, to_json
from projects.engines.base import StackStatus
from projects.errors import ProjectError
from projects.models import PortLease, Project, Revision
from projects.stacks.spec import Definition

# The newest of each project that are kept; the last good one is kept beside them, however old it is.
KEPT = 30


def keep(project: Project, definition: Definition, variables: dict[str, str], leases: list[PortLease], *,
         task_id: uuid.UUID | None = None, restored: int | None = None, because: str = "",
         images: dict[str, str] | None = None, number: int = 1) -> Revision:
    """The project's next revision, and no more than `KEPT` older ones. `number`: of the first one."""
    last = project.revisions.aggregate(last=Max("number"))["last"]
    revision = Revision.objects.create(
        project=project, number=number if last is None else last + 1, definition=to_json(definition),
        environment=environment.encrypt(variables), document=environment.encrypt_document(definition.document),
        ports=ports_of(leases), task_id=task_id, restored=restored, because=because, images=images or {},
    )
    stays = {revision.number, *project.revisions.values_list("number", flat=True)[:KEPT]}
    good = last_good(project)
    if good is not None:
        stays.add(good.number)
    project.revisions.exclude(number__in=stays).delete()
    return revision


def ports_of(leases: list[PortLease]) -> list[list]:
    """The leases as a revision keeps them: service, instance, container port, host port, protocol."""
    return [[lease.service, lease.instance, lease.container_port, lease.host_port, lease.protocol] for lease in leases]


def find(project: Project, number: int) -> Revision:
    """The kept revision of that number. ProjectError when it is not kept."""
    revision = project.revisions.filter(number=number).first()
    if revision is None:
        kept = project.revisions.aggregate(last=Max("number"))["last"]
        raise ProjectError(f"Revision {number} of {project.name} is not kept.", field="revision",
                           hint=f"The newest is {kept}." if kept else "Nothing of it was started yet.")
    return revision


def last_good(project: Project, *, before: int | None = None) -> Revision | None:
    """The newest revision whose services all became ready; older than `before` where that is given."""
    good = project.revisions.filter(started_ok=True)
    return (good if before is None else good.filter(number__lt=before)).first()


def images_kept(project: Project) -> frozenset[str]:
    """The digests of all images that kept revisions ran."""
    kept = project.revisions.order_by().values_list("images", flat=True)
    return frozenset(image for images in kept for image in images.values())


def says_the_same(one: Revision, other: Revision) -> bool:
    """Whether two revisions have one definition and one set of variables; of their images it says nothing."""
    return replace(definition_of(one), inputs={}) == replace(definition_of(other), inputs={})


def definition_of(revision: Revision) -> Definition:
    """What it ran, with its variables. ProjectError when they cannot be decrypted."""
    return from_json(revision.definition, environment.load(revision), environment.load_document(revision))


def images_in(status: StackStatus) -> dict[str, str]:
    """The digest of the image that each service was seen to run; empty where none runs one."""
    return {
        service.name: image
        for service in status.services
        if (image := next((one.image for one in service.instances if one.image), ""))
    }
