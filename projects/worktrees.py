"""What belongs to a copy: a git work tree of its own, and a copy of the data."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from projects.binding import allowed_folder, home_of
from projects.engines import umask
from projects.errors import ProjectError
from projects.models import Project
from projects.stacks.spec import StackError

SECONDS = 60


def branches(path: str) -> list[str]:
    """The local branches of the git repository at `path`, the newest first; empty when it is none."""
    try:
        answer = _git(path, "for-each-ref", "--sort=-committerdate", "--format=%(refname:short)", "refs/heads")
    except ProjectError:
        return []
    return answer.split()


def add(project: Project, slug: str, branch: str, path: str | None) -> Path:
    """Check a branch out into a new work tree, at `path` or in Hub's data folder. ProjectError when git refuses."""
    if branch.startswith("-") or branch not in branches(project.path):
        raise ProjectError(f"There is no branch {branch[:100]!r} in {project.path}.", field="branch",
                           hint="Choose one of its local branches.")
    if path:
        target = Path(path).expanduser()
        try:
            allowed_folder(str(target.parent))
        except StackError as error:
            raise ProjectError.of_stack(error) from None
    else:
        target = home_of(slug) / "tree"
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():
        raise ProjectError(f"{target} exists already.", field="path", code="conflict", hint="Choose another folder.")
    # Detached, so that a branch which is checked out elsewhere can be copied as well.
    _git(project.path, "worktree", "add", "--detach", str(target), branch)
    inside = _git(project.path, "rev-parse", "--show-prefix").strip()
    return target / inside if inside else target


def remove(tree: Path) -> None:
    """Remove a work tree that `add` made, and what git knows of it."""
    root = Path(_git(str(tree), "rev-parse", "--show-toplevel").strip())
    main = Path(_git(str(root), "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    _git(str(main), "worktree", "remove", "--force", str(root))


def users_of(project: Project) -> list[str]:
    """The names of other projects whose folder lies in this one's place in Hub's data, such as copies of a copy."""
    place = f"{home_of(project.slug)}{os.sep}"
    others = Project.everything.exclude(pk=project.pk).filter(node=project.node, path__startswith=place)
    return list(others.values_list("name", flat=True))


def copy_data(source: Path, target: Path) -> Iterator[tuple[int, int]]:
    """Copy a folder of data, beside its place until it is whole; yields (files done, files in all).

    ProjectError when that fails half-way; nothing of it stays then. What a crash left behind is begun again.
    """
    unfinished = target.with_name(f"{target.name}.unfinished")
    if not source.exists():
        return
    files = [Path(folder) / name for folder, _, names in os.walk(source) for name in names]
    done = 0

    def copy(one: str, other: str) -> str:
        nonlocal done
        done += 1
        return shutil.copy2(one, other, follow_symlinks=False)

    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        for item in sorted(source.iterdir()):
            if item.is_dir() and not item.is_symlink():
                shutil.copytree(item, unfinished / item.name, symlinks=True, copy_function=copy)
            else:
                copy(str(item), str(unfinished / item.name))
            yield min(done, len(files)), max(len(files), 1)
        if target.exists():
            shutil.rmtree(target)
        unfinished.rename(target)
    except (OSError, shutil.Error) as error:
        raise ProjectError(f"The data could not be copied: {error}", field="with_data",
                           hint="Free some space, or copy without data.") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def is_filled(folder: Path) -> bool:
    """Whether it is a folder with something in it."""
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def put_aside(home: Path) -> str:
    """Move what is left of a deleted project where it is kept; its path, or "" when there is nothing to keep."""
    kept = [item for item in ("data", "tree") if is_filled(home / item)]
    if not kept:
        if home.exists():
            shutil.rmtree(home)
        return ""
    target = settings.HUB_DATA / "kept" / f"{home.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    target.parent.mkdir(mode=0o700, exist_ok=True)
    home.rename(target)
    if "tree" in kept:
        _git(str(target / "tree"), "worktree", "repair")  # git knows a work tree by its path
    return str(target)


def _git(path: str, *arguments: str) -> str:
    environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8",
               "GIT_TERMINAL_PROMPT": "0"}
    try:
        answer = subprocess.run(["git", "-C", path, *arguments], capture_output=True, text=True, errors="replace",
                                timeout=SECONDS, env=environ, stdin=subprocess.DEVNULL, check=False,
                                umask=umask.usual())
    except FileNotFoundError:
        raise ProjectError("git is not installed.", field="branch",
                           hint="Install git, or copy without a branch.") from None
    except subprocess.TimeoutExpired:
        raise ProjectError(f"git took longer than {SECONDS} s.", field="branch") from None
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines() or ["no reason given"]
        raise ProjectError(f"git refused: {lines[-1]}", field="branch")
    return answer.stdout
