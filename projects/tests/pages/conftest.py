"""People and folders for the pages of projects."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from accounts.tests.people import signed_in
from projects import actions
from projects.binding import home_of
from projects.models import Project

WEB = "web: python3 -m http.server --bind 127.0.0.1 $PORT\n"


@pytest.fixture
def operator(db) -> Client:
    return signed_in("operator")


@pytest.fixture
def viewer(db) -> Client:
    return signed_in("viewer")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Path]]:
    """`folder(Procfile="...", **{".env": "..."})`: a new folder under the projects' root with these files."""
    with tempfile.TemporaryDirectory(dir=settings.HUB_PROJECTS_ROOT, prefix="stack-") as home:
        count = 0

        def make(**files: str) -> Path:
            nonlocal count
            count += 1
            path = Path(home) / f"shop{count}"
            path.mkdir()
            for name, text in files.items():
                (path / name).write_text(text)
            return path

        yield make


@pytest.fixture
def stack(folder) -> Path:
    """A folder that runs one web server."""
    return folder(Procfile=WEB)


@pytest.fixture
def project(db, stack: Path) -> Iterator[Project]:
    project = actions.create_project(name="Shop", path=str(stack))
    yield project
    shutil.rmtree(home_of("shop"), ignore_errors=True)
