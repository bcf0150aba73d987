"""Docker's volumes in a backup: those of this host's projects, by project."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from hub.backups import archive
from hub.backups.archive import Manifest
from hub.backups.errors import BackupError
from projects.binding import engine_of, running_stack
from projects.engines.base import EngineError, SavedVolume
from projects.models import Project
from projects.states import ProjectState

FOLDER = "volumes/"
WITH_VOLUMES = ("compose", "dagger")


def save(room: Path, tell: Callable[[str], None]) -> tuple[dict[str, Path], list[str]]:
    """The members of a backup that hold them, and the slugs of the projects that ran meanwhile: of those the files are
    as they were just then. Raises BackupError where a Docker host cannot be asked."""
    members, ran = {}, []
    projects = Project.objects.filter(node=settings.HUB_NODE, engine__in=WITH_VOLUMES).exclude(revisions=None)
    for project in projects.order_by("pk").distinct():
        tell(f"volumes of {project.slug}")
        folder = room / f"{project.pk}.volumes"
        folder.mkdir()
        try:
            saved = engine_of(project).save_volumes(running_stack(project), folder)
        except EngineError as error:
            raise BackupError(f"The volumes of {project.slug} cannot be read. {error}",
                              "See that its Docker host answers, or make the backup without volumes.") from None
        for one in saved:
            facts = archive.copy_stream(iter([json.dumps(one.facts).encode()]), one.path.with_suffix(".json"))
            members[f"{FOLDER}{project.slug}/{one.name}.tar"] = one.path
            members[f"{FOLDER}{project.slug}/{one.name}.json"] = facts
        if saved and project.state != ProjectState.STOPPED:
            ran.append(project.slug)
    return members, ran


def restore(path: Path, manifest: Manifest, only: str = "", *, hub_works: bool = True) -> list[str]:
    """Put back the volumes that a backup holds, of all projects or `only` of one; returns `<slug>/<volume>` of each.

    The projects have to be there and, while Hub works, stopped. Raises BackupError; a volume that is there already is
    left as it is.
    """
    names = sorted(name for name in manifest.members if name.startswith(FOLDER) and name.endswith(".tar"))
    by_slug: dict[str, list[str]] = {}
    for name in names:
        slug, _, volume = name.removeprefix(FOLDER).removesuffix(".tar").partition("/")
        by_slug.setdefault(slug, []).append(volume)
    if only and only not in by_slug:
        raise BackupError(f"{path} holds no volume of {only}.", "Choose another backup, or another project.")
    done = []
    for slug, volumes in by_slug.items():
        if only in ("", slug):
            _restore_one(path, manifest, _found(slug, stopped=hub_works), volumes)
            done += [f"{slug}/{volume}" for volume in volumes]
    return done


def _found(slug: str, *, stopped: bool) -> Project:
    project = Project.objects.filter(slug=slug, node=settings.HUB_NODE).first()
    if project is None:
        raise BackupError(f"There is no project {slug} on this host.", "Restore its volumes where it is.")
    if stopped and project.state not in (ProjectState.STOPPED, ProjectState.FAILED):
        raise BackupError(f"{slug} is {project.state}.", "Stop it first: its volumes are put in place.")
    return project


def _restore_one(path: Path, manifest: Manifest, project: Project, volumes: list[str]) -> None:
    with archive.scratch(settings.HUB_DATA) as room:
        saved = []
        for number, volume in enumerate(volumes):
            member = f"{FOLDER}{project.slug}/{volume}"
            tar = archive.extract(path, manifest, f"{member}.tar", room / f"{number}.tar")
            facts = archive.extract(path, manifest, f"{member}.json", room / f"{number}.json")
            saved.append(SavedVolume(volume, tar, json.loads(facts.read_text())))
        try:
            engine_of(project).restore_volumes(running_stack(project), saved)
        except EngineError as error:
            raise BackupError(f"The volumes of {project.slug} cannot be put back. {error}", error.detail) from None
