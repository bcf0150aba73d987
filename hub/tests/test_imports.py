"""Imports point down: the structure that design.md, section 1, promises, read from the source of every file."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = {"accounts", "events", "tasks", "projects", "analytics", "retrospectives", "webhooks", "alerts", "hub"}
MAY_IMPORT = {
    "accounts": set(),
    "events": set(),
    "tasks": {"accounts", "events"},
    "projects": {"tasks", "accounts", "events"},
    "analytics": {"tasks", "accounts", "events", "alerts"},
    "retrospectives": {"tasks", "accounts", "events"},
    "webhooks": {"tasks", "accounts", "events"},
    "alerts": {"tasks", "accounts", "events"},
    "hub": APPS,
}
QUEUE_FILES = {"tasks/queue.py", "tasks/worker.py"}


def sources(*folders: str) -> list[Path]:
    """The files of Hub itself: tests and migrations may reach further."""
    files = [path for folder in folders or sorted(APPS) for path in (ROOT / folder).rglob("*.py")]
    return [path for path in files if not {"tests", "migrations"} & set(path.relative_to(ROOT).parts)]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(tree: ast.AST, path: Path) -> Iterator[tuple[str, int]]:
    """The absolute dotted names that a file imports, with their lines; also those in functions."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base]).rstrip(".")
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@functools.cache
def imported(path: Path) -> list[tuple[str, int]]:
    return list(imports(parsed(path), path))


def test_there_is_something_to_check():
    names = {name_of(path) for path in sources()}
    assert {f"{app}/models.py" for app in APPS - {"hub"}} | {"hub/settings.py"} <= names


@pytest.mark.parametrize("app", sorted(APPS))
def test_an_app_imports_only_what_is_below_it(app: str):
    allowed = MAY_IMPORT[app] | {app}
    wrong = [
        f"{name_of(path)}:{line} imports {name}"
        for path in sources(app)
        for name, line in imported(path)
        if name.split(".")[0] in APPS - allowed
    ]
    assert wrong == []


def test_no_function_imports_our_own_apps():
    wrong = []
    for path in sources():
        tree = parsed(path)
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                wrong += [
                    f"{name_of(path)}:{line} imports {name} in a function"
                    for name, line in imports(function, path)
                    if name.split(".")[0] in APPS
                ]
    assert wrong == []


def test_nothing_is_imported_for_type_checking_only():
    wrong = []
    for path in sources():
        for node in ast.walk(parsed(path)):
            if "TYPE_CHECKING" in (getattr(node, "id", ""), getattr(node, "attr", "")):
                wrong.append(f"{name_of(path)}:{node.lineno}")
    assert wrong == []


def test_only_the_queue_and_the_worker_know_rq():
    wrong = [
        f"{name_of(path)}:{line} imports {name}"
        for path in sources()
        if name_of(path) not in QUEUE_FILES
        for name, line in imported(path)
        if name.split(".")[0] in {"rq", "django_rq"}
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", ["projects/engines", "projects/stacks"])
def test_engines_and_stacks_know_neither_django_nor_tasks(folder: str):
    wrong = [
        f"{name_of(path)}:{line} imports {name}"
        for path in sources(folder)
        for name, line in imported(path)
        if name.split(".")[0] in {"django", "ninja", "rq", "django_rq"}
        or (name.split(".")[0] in APPS and not name.startswith(("projects.engines", "projects.stacks")))
    ]
    assert wrong == []


def test_the_virtual_environment_is_made_with_the_standard_library_alone():
    """It runs before anything is installed, and so does all that it imports of ours."""
    standard = sys.stdlib_module_names
    waiting, seen, wrong = ["hub.launch.virtualenv"], set(), []
    while waiting:
        module = waiting.pop()
        # Importing a.b.c runs a and a.b too.
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            base = ROOT.joinpath(*parts[:length])
            path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
            if path in seen or not path.is_file():
                continue
            seen.add(path)
            for name, line in imported(path):
                first = name.split(".")[0]
                if first in APPS:
                    waiting.append(name)
                elif first not in standard:
                    wrong.append(f"{name_of(path)}:{line} imports {name}")
    assert len(seen) > 3
    assert wrong == []


def test_no_file_has_a_name_that_says_nothing():
    wrong = [name_of(path) for path in sources() if re.fullmatch(r"(utils?|helpers?|misc|common)", path.stem)]
    assert wrong == []
