"""The preview of a folder, variables one by one, another port in the place of one, and lists in parts."""

import pytest

from accounts.tests.api_client import error_of
from events.models import Event
from projects import actions
from projects.environment import load
from projects.models import Project

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}


@pytest.fixture
def project(projects_folder):
    (projects_folder / ".env").write_text("COLOUR=blue\nFOLDER=1\n")
    own = {"TOKEN": "s3cret-value", "COLOUR": "red"}
    return actions.create_project(name="Shop", path=str(projects_folder), env=own)


def test_a_folder_is_previewed_and_nothing_is_changed(api, projects_folder):
    seen = api("operator").get("/api/projects/preview", {"path": str(projects_folder)}).json()
    assert (seen["path"], seen["engine"], seen["services"], seen["error"]) == (
        str(projects_folder), "process", ["web"], None)
    assert [port["service"] for port in seen["ports"]] == ["web"]
    assert not Project.objects.exists()
    wrong = api("operator").get("/api/projects/preview", {"path": "/etc"}).json()
    assert wrong["error"]["message"] and wrong["services"] == []


def test_variables_are_listed_with_where_they_come_from(api, project):
    listed = api("viewer").get(f"/api/projects/{project.pk}/environment").json()["items"]
    assert [(one["name"], one["origin"], one["secret"]) for one in listed] == [
        ("COLOUR", "project", False), ("FOLDER", "folder", False), ("TOKEN", "project", True)]
    assert "s3cret" not in str(listed)


def test_variables_are_set_and_removed_and_the_others_stay(api, project):
    path = f"/api/projects/{project.pk}/environment"
    api("operator").patch(path, {"set": {"SIZE": "7"}, "remove": ["COLOUR"]}, **JSON)
    project.refresh_from_db()
    assert load(project) == {"TOKEN": "s3cret-value", "SIZE": "7"}
    error_of(api("operator").patch(path, {"set": {"not a name": "7"}}, **JSON), 422)


def test_a_secret_is_shown_and_that_is_kept(api, project):
    path = f"/api/projects/{project.pk}/environment/show"
    assert api("operator").post(path, {"name": "TOKEN"}).json() == {"name": "TOKEN", "value": "s3cret-value"}
    event = Event.objects.get(subject__endswith=".audit.environment-shown")
    assert event.payload["variable"] == "TOKEN" and "s3cret" not in str(event.payload)
    error_of(api("operator").post(path, {"name": "FOLDER"}), 404)


def test_another_port_is_leased_in_the_place_of_one(api, project):
    lease = project.leases.get()
    other = api("operator").post(f"/api/projects/{project.pk}/ports/{lease.host_port}/release").json()
    assert other["service"] == "web" and other["port"] != lease.host_port
    lease.refresh_from_db()
    assert lease.host_port == other["port"]
    error_of(api("operator").post(f"/api/projects/{project.pk}/ports/1/release"), 404)


def test_short_lists_come_in_parts_too(api, project):
    path, names, cursor = f"/api/projects/{project.pk}/environment?limit=1", [], ""
    while cursor is not None:
        part = api("viewer").get(f"{path}&cursor={cursor}").json()
        names += [one["name"] for one in part["items"]]
        cursor = part["next_cursor"]
    assert names == ["COLOUR", "FOLDER", "TOKEN"]
    assert error_of(api("viewer").get(f"{path}&cursor=made-up"), 400)["field"] == "cursor"
