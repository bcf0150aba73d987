"""The folder browser: what the folders under one root hold, and nothing outside of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from projects.stacks import detect
from projects.stacks.spec import StackError

MAX_ENTRIES = 500
"""More folders than a person reads; the caller says that the list is cut."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder in a listing. `kind`: what it runs by the names of its files; `unreadable`: it cannot be opened."""

    name: str
    path: Path
    kind: Literal["", "process", "compose", "both"] = ""
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The folders in `path`, sorted by name. `parent` is None at the root. `kind` is that of `path` itself.

    `truncated`: there are more than the `MAX_ENTRIES` listed.
    """

    path: Path
    parent: Path | None
    kind: Literal["", "process", "compose", "both"]
    entries: tuple[Entry, ...]
    truncated: bool = False


def browse(root: Path, path: str | None = None) -> Listing:
    """The folders in `path` (None or empty: the root). StackError as from `confine`.

    Left out: files, hidden folders, symbolic links that lead out of the root, and names that are not UTF-8 (no page
    could send them back).
    """
    top = _root(root)
    folder = confine(root, path or top)
    try:
        with os.scandir(folder) as scan:
            found = [item for item in scan if _may_be_listed(item)]
    except OSError as error:
        raise _unreadable(folder, error) from error
    found.sort(key=lambda item: (item.name.casefold(), item.name))
    entries: list[Entry] = []
    truncated = False
    # Links are followed only here, until the list is full: a folder of ten thousand stays quick.
    for item in found:
        if not _leads_inside(item, top):
            continue
        if len(entries) == MAX_ENTRIES:
            truncated = True
            break
        entries.append(_entry(item))
    return Listing(folder, None if folder == top else folder.parent, _kind(folder), tuple(entries), truncated)


def confine(root: Path, path: str | os.PathLike[str]) -> Path:
    """The real, absolute path (symbolic links followed) of the folder `path`, which is the root or inside it.

    `~` is the home folder. StackError with a code: `bad-path` (empty, not absolute, with `..`, NUL bytes, too long,
    not UTF-8), `outside`, `missing`, `not-a-folder`, `unreadable`. Of what is outside the root it does not tell
    whether it exists.
    """
    top = _root(root)
    asked = _checked(os.fspath(path))
    real = Path(os.path.realpath(asked))
    if not real.is_relative_to(top):
        if asked.is_relative_to(top) or asked.is_relative_to(Path(os.path.abspath(root))):
            raise StackError(f"{asked} leads out of {top} by a symbolic link.", file=asked, code="outside",
                             hint="Choose a folder that really is inside.")
        raise StackError(f"{asked} is outside of {top}.", file=asked, code="outside",
                         hint="Choose a folder inside; HUB_PROJECTS_ROOT says which folder may be shown.")
    try:
        if not stat.S_ISDIR(real.stat().st_mode):
            raise StackError(f"{asked} is not a folder.", file=asked, code="not-a-folder",
                             hint="Choose the folder that the file is in.")
        os.stat(f"{real}/.")  # asks for the right to search it, which listing does not need
        with os.scandir(real):
            return real
    except (FileNotFoundError, NotADirectoryError):
        raise StackError(f"The folder {asked} does not exist.", file=asked, code="missing",
                         hint="Check the spelling, or create it first.") from None
    except OSError as error:
        raise _unreadable(asked, error) from error


def _checked(path: str) -> Path:
    try:
        if not path.strip():
            raise StackError("The path is empty.", code="bad-path", hint="Write an absolute path.")
        if "\0" in path:
            raise StackError("The path has a NUL byte in it.", code="bad-path", hint="Remove it.")
        size = max(len(part) for part in path.encode().split(b"/"))
    except UnicodeEncodeError:
        raise StackError("The path is not valid UTF-8.", code="bad-path", hint="Rename the folder.") from None
    if size > 255 or len(path.encode()) > 4095:
        raise StackError("The path is too long.", code="bad-path",
                         hint="A name may have 255 bytes, a whole path 4095.")
    if path == "~" or path.startswith("~/"):
        path = os.path.expanduser(path)
    asked = Path(path)
    if not asked.is_absolute():
        raise StackError(f"{path} is not an absolute path.", code="bad-path", hint="Begin it with / or ~/.")
    if ".." in asked.parts:
        raise StackError(f'{path} has ".." in it.', code="bad-path", hint="Write the path without it.")
    return asked


def _root(root: Path) -> Path:
    top = Path(os.path.realpath(root))
    if not top.is_dir():
        raise StackError(f"The folder of all projects, {root}, does not exist.", file=root, code="missing",
                         hint="Create it, or set HUB_PROJECTS_ROOT to another.")
    return top


def _may_be_listed(item: os.DirEntry[str]) -> bool:
    if item.name.startswith(".") or not (item.is_symlink() or item.is_dir(follow_symlinks=False)):
        return False
    return not any("\ud800" <= character <= "\udfff" for character in item.name)


def _leads_inside(item: os.DirEntry[str], top: Path) -> bool:
    if not item.is_symlink():
        return True
    real = Path(os.path.realpath(item.path))
    try:
        return real.is_relative_to(top) and real.is_dir()
    except OSError:
        return False


def _entry(item: os.DirEntry[str]) -> Entry:
    path = Path(item.path)
    try:
        with os.scandir(path):
            return Entry(item.name, path, _kind(path))
    except OSError:
        return Entry(item.name, path, unreadable=True)


def _kind(folder: Path) -> Literal["", "process", "compose", "both"]:
    found = detect.sources(folder)
    return "both" if len(found) > 1 else next(iter(found), "")


def _unreadable(path: Path, error: OSError) -> StackError:
    return StackError(f"The folder {path} cannot be read: {os.strerror(error.errno or 0)}.", file=path,
                      code="unreadable", hint="Let the user that runs Hub read it.")
