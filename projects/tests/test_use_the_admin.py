"""Projects in the admin site: to look at, and to start, stop and restart by the same use cases as on the pages."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from projects import actions
from projects.models import Project
from tasks.models import Task

pytestmark = pytest.mark.django_db

LIST = reverse("admin:projects_project_changelist")


@pytest.fixture
def project() -> Project:
    folder = settings.HUB_PROJECTS_ROOT / "administered"
    folder.mkdir(exist_ok=True)
    (folder / "Procfile").write_text("web: serve $PORT\n")
    return actions.create_project(name="Shop & Co", path=str(folder), env={"TOKEN": "s3cret-value"})


def act(client, name: str, *projects: Project) -> str:
    data = {"action": name, "_selected_action": [str(project.pk) for project in projects]}
    return client.post(LIST, data, follow=True).content.decode()


def test_it_is_shown_with_services_and_ports_and_without_its_secrets(admin_client, project):
    assert "Shop &amp; Co" in admin_client.get(LIST).content.decode()
    page = admin_client.get(reverse("admin:projects_project_change", args=[project.pk])).content.decode()
    assert str(project.leases.get().host_port) in page and "web" in page
    assert "s3cret" not in page and str(project.environment) not in page


def test_nothing_can_be_added_changed_or_deleted(admin_client, project):
    assert admin_client.get(reverse("admin:projects_project_add")).status_code == 403
    assert admin_client.post(reverse("admin:projects_project_delete", args=[project.pk])).status_code == 403
    change = reverse("admin:projects_project_change", args=[project.pk])
    admin_client.post(change, {"name": "Other", "state": "running"})
    assert "delete_selected" not in admin_client.get(LIST).content.decode()
    project.refresh_from_db()
    assert (project.name, project.state) == ("Shop & Co", "stopped")


def test_start_is_the_task_of_the_page_and_another_meanwhile_is_refused(admin_client, project):
    other = actions.create_project(name="Other", path=project.path)
    said = act(admin_client, "start", project, other)
    assert "Shop &amp; Co: Start Shop &amp; Co, queued." in said and "Other: Start Other, queued." in said
    assert {(task.job, task.actor, task.subject) for task in Task.objects.all()} == {
        ("projects.start", "admin", project.subject), ("projects.start", "admin", other.subject)}
    act(admin_client, "start", project)
    assert Task.objects.count() == 2, "asked twice, it is one task"
    assert 'class="error"' in act(admin_client, "stop", project)
    assert Task.objects.count() == 2


@pytest.mark.parametrize(("action", "job"), [("stop", "projects.stop"), ("restart", "projects.restart")])
def test_stop_and_restart(admin_client, project, action, job):
    Project.objects.update(state="running", desired="running")
    act(admin_client, action, project)
    assert Task.objects.get().job == job


def test_who_may_only_look_finds_no_actions(client, project):
    looker = User.objects.create_user("looker", password="x", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_project"))
    client.force_login(looker)
    page = client.get(LIST).content.decode()
    assert "Shop &amp; Co" in page and 'value="start"' not in page
    act(client, "start", project)
    assert not Task.objects.exists()
