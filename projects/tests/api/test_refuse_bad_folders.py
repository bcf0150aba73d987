"""Folders and names that cannot be taken: each is refused with its field and a sentence, and nothing is half made."""

import pytest
from django.conf import settings

from accounts.tests.api_client import error_of
from projects.models import PortLease, Project

pytestmark = pytest.mark.django_db

WEB = "web: run $PORT\n"


def folders(tmp_path):
    """What is wrong -> (path, field, words of the message)."""
    root = settings.HUB_PROJECTS_ROOT / f"bad-{tmp_path.name}"
    outside = tmp_path / "outside"
    for folder in (root / "empty", root / "both", root / "broken", outside):
        folder.mkdir(parents=True)
    for folder in (root / "both", root / "broken", outside):
        (folder / "Procfile").write_text(WEB)
    (root / "both" / "compose.yaml").write_text("services: {}")
    (root / "broken" / "Procfile").write_text(f"{WEB}\nwhat is this\n")
    (root / "link").symlink_to(outside)
    (root / "loop").symlink_to(root / "loop")  # what nobody can read, root neither
    return {
        "missing": (root / "nowhere", "path", "does not exist"),
        "unreadable": (root / "loop", "path", "cannot be read"),
        "outside": (outside, "path", "is outside of"),
        "symlink": (root / "link", "path", "leads out of"),
        "empty": (root / "empty", "path", "There is no stack in"),
        "both": (root / "both", "engine", "has a Procfile and a compose.yaml"),
        "broken": (root / "broken", "path", "Procfile, line 3"),
        "dots": (f"{root}/empty/../broken", "path", 'has ".." in it'),
        "a file": (root / "broken" / "Procfile", "path", "is not a folder"),
        "long": ("/" + "a" * 5000, "path", "too long"),
    }


BAD = ["missing", "unreadable", "outside", "symlink", "empty", "both", "broken", "dots", "a file", "long"]


@pytest.mark.parametrize("kind", BAD)
def test_a_folder_that_cannot_be_run(api, tmp_path, kind):
    path, field, words = folders(tmp_path)[kind]
    error = error_of(api("operator").post("/api/projects", {"name": "Shop", "path": str(path)}), 422)
    assert error["field"] == field and words in error["message"], error
    assert not Project.objects.exists() and not PortLease.objects.exists()


@pytest.mark.parametrize(("name", "words"), [
    ("   ", "needs a name"), ("x" * 300, "300 characters"), ("a\nb", "cannot be seen"), ("***", "needs a letter"),
])
def test_a_name_that_is_none(api, projects_folder, name, words):
    error = error_of(api("operator").post("/api/projects", {"name": name, "path": str(projects_folder)}), 422)
    assert error["field"] == "name" and words in error["message"]
    assert not Project.objects.exists() and not PortLease.objects.exists()
