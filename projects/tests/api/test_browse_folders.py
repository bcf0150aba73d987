"""The folder browser shows what is inside its root, and nothing else."""

import os

import pytest
from django.conf import settings

from accounts.tests.api_client import error_of

pytestmark = pytest.mark.django_db


def browse(api, path):
    return api("operator").get("/api/filesystem/browse", {"path": str(path)})


def test_home_is_the_root(api, projects_folder):
    body = api("operator").get("/api/filesystem/home").json()
    assert body["path"] == str(settings.HUB_PROJECTS_ROOT) and body["parent"] is None
    entry = {"name": projects_folder.name, "path": str(projects_folder), "kind": "process", "unreadable": False}
    assert entry in body["entries"]


def test_a_folder_inside(api, projects_folder):
    (projects_folder / "inner").mkdir()
    body = browse(api, projects_folder).json()
    assert body["parent"] == str(settings.HUB_PROJECTS_ROOT) and body["kind"] == "process"
    assert [entry["name"] for entry in body["entries"]] == ["inner"] and body["truncated"] is False


@pytest.mark.parametrize(("path", "status"), [
    ("/", 403), ("/etc", 403), ("/etc/passwd", 403), ("/nothing/like/this", 403), ("{root}x", 403),
    ("{folder}/nothing", 404), ("{folder}/Procfile", 400), ("{folder}/..", 400), ("relative", 400),
    ("/" + "x" * 5000, 400), ("{folder}/link", 403), ("{folder}/\0", 400),
])
def test_what_is_not_a_folder_inside_is_refused(api, projects_folder, path, status):
    os.symlink("/etc", projects_folder / "link")
    asked = path.format(root=settings.HUB_PROJECTS_ROOT, folder=projects_folder)
    error = error_of(browse(api, asked), status)
    assert "passwd" not in error["message"] or "passwd" in asked


@pytest.mark.parametrize("path", ["home", "browse"])
def test_folders_are_not_for_viewers_as_on_the_page(api, path):
    error_of(api("viewer").get(f"/api/filesystem/{path}"), 403)
