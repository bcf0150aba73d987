"""See what each start ran, what differs between two of them, and go back to one, on the page, by API and by command."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.tests.api_client import error_of
from projects import actions
from projects.binding import new_revision, restored_revision
from projects.models import Project
from projects.states import ProjectState
from tasks.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder_path(folder):
    return folder(Procfile="web: serve $PORT\nworker: work\n", **{".env": "API_KEY=old-secret\nMOOD=calm\n"})


@pytest.fixture
def project(folder_path) -> Project:
    """Two revisions were started; the second is of a changed folder, and did not become healthy."""
    project = actions.create_project(name="Shop", path=str(folder_path))
    new_revision(project)
    project.revisions.update(started_ok=True)
    (folder_path / "Procfile").write_text("web: serve --fast $PORT\nqueue: consume\n")
    (folder_path / ".env").write_text("API_KEY=new-secret\nMOOD=cross\n")
    new_revision(project)
    project.revisions.filter(number=2).update(started_ok=False, error="queue exited with code 1.")
    return project


def page(client, project: Project, **query) -> str:
    answer = client.get(reverse("projects:revisions", args=[project.pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_two_revisions_are_compared_and_no_secret_is_shown(viewer, project):
    text = page(viewer, project, **{"from": 1, "to": 2})
    for words in ("serve --fast $PORT", "consume", "worker", "calm", "cross", "a secret: the value is another",
                  "queue exited with code 1."):
        assert words in text
    assert "old-secret" not in text and "new-secret" not in text
    assert "Start this one" not in text, "a viewer only looks"


def test_the_newest_is_compared_with_the_folder_unless_asked_otherwise(viewer, project, folder_path):
    assert "Nothing: both run the same." in page(viewer, project)
    (folder_path / "Procfile").write_text("web: serve --slow $PORT\n")
    assert "serve --slow $PORT" in page(viewer, project)
    (folder_path / "Procfile").write_text("no colon here\n")
    assert "line 1" in page(viewer, project)


def test_a_revision_that_is_not_kept_is_404(viewer, project):
    for query in ({"from": 77, "to": 1}, {"from": "<b>", "to": 1}, {"from": "9" * 30}):
        answer = viewer.get(reverse("projects:revisions", args=[project.pk]), query)
        assert answer.status_code == 404 and "<b>" not in answer.content.decode().replace("<b>Shop", "")


def test_one_click_goes_back_and_needs_an_operator(operator, viewer, project):
    where = reverse("projects:roll-back", args=[project.pk])
    assert viewer.post(where, {"revision": 1}).status_code == 403
    assert "Start this one" in page(operator, project)
    assert operator.post(where, {"revision": 1}).status_code == 302
    assert Task.objects.get().title == "Return Shop to revision 1"


def test_a_failed_start_offers_the_last_good_revision(operator, project):
    Project.objects.filter(pk=project.pk).update(state=ProjectState.FAILED, reason="queue exited with code 1.")
    text = operator.get(reverse("projects:detail", args=[project.pk])).content.decode()
    assert "Start revision 1, the last good one" in text


def test_the_overview_says_what_failed_and_that_the_old_revision_runs(viewer, project):
    restored_revision(project, 1, because="queue exited with code 1.")
    project.revisions.filter(number=3).update(started_ok=True)
    Project.objects.filter(pk=project.pk).update(state=ProjectState.RUNNING)
    text = viewer.get(reverse("projects:detail", args=[project.pk])).content.decode()
    assert "Revision 2 did not start: queue exited with code 1." in text
    assert "Hub returned to revision 1, the last that became healthy; it runs now." in text
    assert "not what the folder says: 5 differences" in text


def test_the_api_lists_compares_and_goes_back(api, project):
    items = api("viewer").get(f"/api/projects/{project.pk}/revisions").json()["items"]
    assert [(one["number"], one["started_ok"], one["restored"]) for one in items] == [(2, False, None), (1, True, None)]
    found = api("viewer").get(f"/api/projects/{project.pk}/revisions/1/differences?to=2").json()["items"]
    secret = next(one for one in found if one["name"] == "API_KEY")
    assert (secret["secret"], secret["before"]) == (True, "••••")
    assert "secret" not in json.dumps([one for one in found if one is not secret]).replace('"secret":', "")
    assert api("viewer").get(f"/api/projects/{project.pk}/revisions/1/differences").json()["items"] == found
    where = f"/api/orchestration/{project.pk}/rollback"
    assert error_of(api("viewer").post(where, {}), 403)
    assert error_of(api("operator").post(where, {"revision": 9}), 404)
    assert api("operator").post(where, {"revision": 1}).status_code == 202
    assert Task.objects.get().params == {"project": project.pk, "revision": 1}
    assert api("operator").patch(
        f"/api/projects/{project.pk}", json.dumps({"return_to_good": True}), "application/json"
    ).json()["return_to_good"]


def test_the_command_lists_and_goes_back(project, redis_server):
    out = io.StringIO()
    call_command("project", "revisions", "shop", stdout=out)
    assert "queue exited with code 1." in out.getvalue()
    call_command("project", "rollback", "shop", stdout=out)
    assert Task.objects.get().params == {"project": project.pk, "revision": 1}
    with pytest.raises(CommandError, match="Revision 9 of Shop is not kept"):
        call_command("project", "rollback", "shop", "--revision", "9", stdout=out)
