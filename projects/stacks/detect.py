"""Finding what a folder runs: a Procfile, a Compose file, or both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from projects.stacks import procfile
from projects.stacks.compose import reading
from projects.stacks.compose.files import FILENAMES, files_of
from projects.stacks.spec import Definition, StackError

COMPOSE_FILENAMES = FILENAMES


@dataclass(frozen=True, slots=True)
class Candidate:
    """A definition that a folder offers. Exactly one of `definition` and `error` is set."""

    engine: Literal["process", "compose", "dagger"]
    source: Path
    definition: Definition | None = None
    error: StackError | None = None


def sources(folder: Path) -> dict[Literal["process", "compose"], Path]:
    """The definition file for each engine that has one in `folder`, by its name alone; nothing is read.

    OSError when the folder cannot be searched.
    """
    found: dict[Literal["process", "compose"], Path] = {}
    if _is_there(folder / procfile.FILENAME):
        found["process"] = folder / procfile.FILENAME
    if compose := next((folder / name for name in COMPOSE_FILENAMES if _is_there(folder / name)), None):
        found["compose"] = compose
    return found


def detect(folder: Path, extra_env: Mapping[str, str] | None = None) -> list[Candidate]:
    """What `folder` offers, each read or with the error that reading gave; empty when it offers nothing. A Compose file
    that builds images is offered to the engine dagger as well, after the others.

    StackError when the folder itself is missing, no folder, or unreadable.
    """
    found = [_candidate(engine, folder, source, extra_env) for engine, source in _sources(folder).items()]
    return [*found, *(_built_by_dagger(one) for one in found if one.definition and one.definition.builds)]


def read(folder: Path, engine: str | None = None, extra_env: Mapping[str, str] | None = None) -> Definition:
    """The Definition of `folder`, for `engine` when it is given.

    StackError when there is none (`nothing-found`), when there are several and `engine` does not say which
    (`ambiguous`), when Hub has no such engine (`unsupported`), and for everything that cannot be read.
    """
    by_dagger = engine == "dagger"
    if by_dagger:
        engine = "compose"
    if engine not in (None, "process", "compose"):
        raise StackError(f'This Hub cannot run "{str(engine)[:40]}" stacks.', file=folder, code="unsupported",
                         hint="A Procfile, run by the engine process, would do.")
    found = _sources(folder)
    if engine == "compose" and engine not in found and (extra_env or {}).get("COMPOSE_FILE"):
        found[engine] = files_of(folder, folder, extra_env)[0]
    if engine is None and len(found) > 1:
        names = " and a ".join(source.name for source in found.values())
        raise StackError(f"{folder} has a {names}.", file=folder, code="ambiguous",
                         hint=f"Say which engine shall run it: {' or '.join(found)}.")
    wanted = {name: source for name, source in found.items() if engine in (None, name)}
    if not wanted:
        looked_for = {"process": (procfile.FILENAME,), "compose": COMPOSE_FILENAMES}
        names = [name for key, names in looked_for.items() if engine in (None, key) for name in names]
        raise StackError(f"There is no stack in {folder}: no {_or(names)}.", file=folder, code="nothing-found",
                         hint='Add a Procfile with a line like "web: ./serve --port $PORT".')
    (name, source), = wanted.items()
    candidate = _candidate(name, folder, source, extra_env)
    if candidate.definition is None:
        raise candidate.error or StackError(f"{source} cannot be read.", file=source)
    if by_dagger:
        return _built_by_dagger(candidate).definition
    return candidate.definition


def _sources(folder: Path) -> dict[Literal["process", "compose"], Path]:
    """`sources`, with a StackError for a folder that cannot be searched."""
    try:
        if not folder.is_dir():
            if folder.exists():
                raise StackError(f"{folder} is not a folder.", file=folder, code="not-a-folder")
            raise StackError(f"The folder {folder} does not exist.", file=folder, code="missing",
                             hint="Was it moved or deleted?")
        return sources(folder)
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise StackError(f"The folder {folder} cannot be read: {reason}.", file=folder, code="unreadable",
                         hint="Let the user that runs Hub read it.") from error


def _candidate(engine: Literal["process", "compose"], folder: Path, source: Path,
               extra_env: Mapping[str, str] | None) -> Candidate:
    try:
        if engine == "compose":
            return Candidate(engine, source, reading.read(folder, source, extra_env))
        return Candidate(engine, source, procfile.read(folder, extra_env))
    except StackError as error:
        return Candidate(engine, source, error=error)


def _built_by_dagger(candidate: Candidate) -> Candidate:
    """The same Compose stack, its images built by Dagger. StackError when it builds none."""
    definition = candidate.definition
    if definition.document and not definition.builds:
        raise StackError(f"{candidate.source.name} has no service with a build section: Dagger has nothing to build.",
                         file=candidate.source, hint="Run it with the engine compose.", code="unsupported")
    return Candidate("dagger", candidate.source, replace(definition, engine="dagger"))


def _is_there(path: Path) -> bool:
    """Whether a name exists, be it a broken symbolic link; OSError when the folder cannot be searched."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _or(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
