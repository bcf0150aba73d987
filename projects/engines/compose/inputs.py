"""What images are built from beside the Compose file: a mark of the files that a build would read."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docker.utils.build import exclude_paths

from projects.engines.compose.ignored import ignored
from projects.stacks.spec import Definition

# A commit changes it, and the image that is made of the same files is the same.
LEFT_OUT = [".git"]


def inputs_of(definition: Definition) -> dict[str, str]:
    """A mark for each service that is built from a folder: another one when a file of its context, its Dockerfile or a
    further context was written anew, came or went. What `.dockerignore` leaves out does not count. A service whose
    folder cannot be read has none: the preflight says why."""
    services: dict[str, dict[str, Any]] = definition.document.get("services") or {}
    found: dict[str, str] = {}
    for name, service in services.items():
        if build := service.get("build"):
            try:
                digest = _mark(build)
            except OSError:
                continue
            if digest:
                found[name] = digest
    return found


def _mark(build: dict[str, Any]) -> str:
    context, dockerfile = Path(str(build.get("context", ".")) or "."), build.get("dockerfile", "Dockerfile")
    if not context.is_absolute() or not context.is_dir():
        return ""
    entries = set(_entries(context, dockerfile))
    entries |= set(_entry(context / dockerfile, "Dockerfile"))
    for name, folder in (build.get("additional_contexts") or {}).items():
        if Path(str(folder)).is_absolute() and Path(folder).is_dir():
            entries |= {f"{name}\0{entry}" for entry in _entries(Path(folder), "")}
    return hashlib.sha256("\n".join(sorted(entries)).encode(errors="surrogateescape")).hexdigest()[:16]


def _entries(context: Path, dockerfile: str) -> Iterator[str]:
    for path in exclude_paths(str(context), [*LEFT_OUT, *ignored(context, dockerfile)], dockerfile or None):
        yield from _entry(context / path, path)


def _entry(file: Path, name: str) -> Iterator[str]:
    """What tells that a file is another one; nothing of a folder, whose time changes with what is left out."""
    try:
        seen = file.lstat()
    except FileNotFoundError:  # it went meanwhile, or an inline Dockerfile
        return
    if stat.S_ISLNK(seen.st_mode):
        yield f"{name}\0{os.readlink(file)}"
    elif not stat.S_ISDIR(seen.st_mode):
        yield f"{name}\0{seen.st_size} {seen.st_mtime_ns} {seen.st_mode:o}"
