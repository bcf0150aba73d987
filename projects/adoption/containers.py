"""A Compose project as it can be adopted: started by others, or by this Hub before it lost the row."""

from __future__ import annotations

import os
import re
from pathlib import Path

from projects.adoption.candidate import Adoptable, Candidate
from projects.binding import allowed_folder, home_of, read_definition
from projects.engines.compose.containers import Container
from projects.engines.compose.found import Found
from projects.engines.compose.rundir import RunDir
from projects.environment import NAME, RESERVED
from projects.errors import ProjectError
from projects.models import PortLease, Project
from projects.stacks import detect
from projects.stacks.compose.files import files_of
from projects.stacks.compose.services import mapping_of
from projects.stacks.compose.variables import read_env
from projects.stacks.spec import Definition, StackError
from projects.stacks.textfile import read_text

COMPOSE, DAGGER = "compose", "dagger"
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)")


class Foreign(Candidate):
    """A Compose project that somebody started without Hub."""

    engine = COMPOSE
    origin = "not started by Hub"

    def __init__(self, found: Found):
        self.found = found
        self.adopted = found.name
        self.images = {one.service: one.image for one in found.containers}
        self.good = all(_is_well(one) for one in found.containers) if found.runs else None

    @property
    def shown(self) -> Adoptable:
        warnings = [f"{service} keeps data in a volume without a name, which its next container will not have."
                    for service in self.found.unnamed_volumes]
        return Adoptable(self.found.name, self.found.name, self.engine, str(self.found.folder), self.found.services,
                         sorted({port for one in self.found.containers for port in one.ports.values()}),
                         self.found.runs, self.origin, warnings=warnings)

    def folder(self) -> Path:
        return _folder(self.found)

    def read(self, folder: Path) -> tuple[Definition, dict[str, str]]:
        return _definition(self.found, folder, _variables(self.found, folder), self.engine)

    def leases(self, project: Project, definition: Definition) -> list[PortLease]:
        return _leases(project, self.found)


class Lost(Foreign):
    """One that this Hub started as a project of which there is no row any more. Its files are those of its folder;
    those in the labels are what Hub itself had made of them."""

    origin = "started by this Hub, which has lost its entry"

    def __init__(self, found: Found):
        super().__init__(found)
        self.slug, self.revision = found.slug, max(found.revision, 1)
        self.adopted = "" if found.name == f"hub-{found.slug}" else found.name
        self.run_dir = home_of(found.slug) / "run"
        if (self.run_dir / "build.log").exists():  # of Dagger: it alone writes one
            self.engine = DAGGER

    @property
    def shown(self) -> Adoptable:
        shown = super().shown
        shown.warnings.append("Of its environment only what can be seen in its services comes back: see the tab "
                              "Environment before the next start.")
        return shown

    def folder(self) -> Path:
        try:
            return allowed_folder(str(self.found.folder))
        except StackError as error:
            raise ProjectError.of_stack(error, field="adopt") from None

    def read(self, folder: Path) -> tuple[Definition, dict[str, str]]:
        return _definition(self.found, folder, self._seen_variables(folder), self.engine)

    def _seen_variables(self, folder: Path) -> dict[str, str]:
        """Variables that the files use, and that services were given under the same name: with the value that runs."""
        services = RunDir(self.run_dir).content().get("services") or {}
        given: dict[str, set[str]] = {}
        for service in services.values():
            for name, value in mapping_of(service.get("environment")).items():
                given.setdefault(name, set()).add("" if value is None else str(value).replace("$$", "$"))
        try:
            kept = read_env(folder / ".env", {})
            source = detect.sources(folder).get(COMPOSE)
            texts = [read_text(file) for file in files_of(folder, source, kept)] if source else []
        except StackError as error:
            raise ProjectError.of_stack(error, field="adopt") from None
        used = {match[1] for text in texts for match in _USED.finditer(text)}
        return {
            name: next(iter(values)) for name, values in sorted(given.items())
            if name in used and len(values) == 1 and NAME.fullmatch(name) and not RESERVED.match(name)
            and values != {kept.get(name)}
        }


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


def _definition(found: Found, folder: Path, variables: dict[str, str],
                engine: str) -> tuple[Definition, dict[str, str]]:
    """What the files say now, with the profiles of all that runs, and the variables by which that is so. ProjectError
    for a service that runs, but is in no file any more."""
    try:
        definition = read_definition(str(folder), engine, variables)
    except ProjectError:
        # Without its profile a service may be missing that others depend on.
        definition = None
    if definition is None or _missing(found, definition):
        variables = _with_profiles(found, folder, variables)
        definition = read_definition(str(folder), engine, variables)
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
