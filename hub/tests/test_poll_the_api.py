"""Reads that are polled are answered 304 while nothing has changed."""

import re

import pytest

from projects import actions
from projects.models import Project
from tasks.actions import cancel, enqueue
from tasks.jobs import Sleep
from tasks.models import LogLine, Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def task():
    return enqueue(Sleep, {"seconds": 60})


@pytest.fixture
def project(projects_folder):
    return actions.create_project(name="Shop", path=str(projects_folder))


def etag_of(client, path: str, known: str = "") -> tuple[int, str]:
    answer = client.get(path, headers={"If-None-Match": known} if known else {})
    assert re.fullmatch(r'W/"[0-9a-f]+"', answer["ETag"])
    assert (answer.content == b"") == (answer.status_code == 304)
    return answer.status_code, answer["ETag"]


def test_a_waiting_task_is_304_until_something_changes(api, task):
    viewer = api("viewer")
    for path in (f"/api/tasks/{task.pk}", f"/api/tasks/{task.pk}/status", "/api/tasks"):
        _, known = etag_of(viewer, path)
        assert etag_of(viewer, path, known) == (304, known)  # also while it grows older
    _, whole = etag_of(viewer, f"/api/tasks/{task.pk}")
    LogLine.objects.create(task=task, text="wait: 5")
    status, now = etag_of(viewer, f"/api/tasks/{task.pk}", whole)
    assert status == 200
    cancel(Task.objects.get(pk=task.pk))
    assert etag_of(viewer, f"/api/tasks/{task.pk}", now)[0] == 200


def test_a_project_is_304_until_something_changes(api, project):
    viewer = api("viewer")
    for path in (f"/api/orchestration/{project.pk}/status", f"/api/projects/{project.pk}", "/api/projects"):
        _, known = etag_of(viewer, path)
        assert etag_of(viewer, path, known)[0] == 304
        Project.objects.update(reason=f"changed before {path}", state="failed")
        assert etag_of(viewer, path, known)[0] == 200


def test_only_reads_have_a_tag(api, task):
    assert "ETag" not in api("operator").patch(f"/api/tasks/{task.pk}", {"priority": 7},
                                               content_type="application/json")
    assert "ETag" not in api("viewer").get("/api/tasks/00000000-0000-7000-8000-000000000000")
