"""The addresses of the admin site that Hub answers itself."""

import pytest
from django.contrib.contenttypes.models import ContentType

from accounts.tests.people import PASSWORD, person, signed_in
from projects import actions
from projects.models import Project
from tasks.models import Task

pytestmark = pytest.mark.django_db


def test_it_is_no_second_door_at_which_passwords_could_be_tried(client):
    person("admin", "ada")
    tried = {"username": "ada", "password": PASSWORD}
    assert client.post("/admin/login/", tried)["Location"].startswith("/sign-in/")
    viewer = signed_in("viewer")
    assert viewer.post("/admin/login/", tried).status_code == 403
    assert viewer.get("/admin/").status_code == 302


def test_a_row_leads_to_its_page(projects_folder):
    project = actions.create_project(name="Shop", path=str(projects_folder))
    kind = ContentType.objects.get_for_model(Project)
    assert signed_in("admin").get(f"/admin/r/{kind.pk}/{project.pk}/")["Location"].endswith(f"/projects/{project.pk}/")


def test_what_is_no_row_is_not_found():
    admin, tasks = signed_in("admin"), ContentType.objects.get_for_model(Task).pk
    unmanaged = ContentType.objects.get(app_label="django_rq", model="dashboard").pk
    for kind, key in ((tasks, "1"), (tasks, "x"), ("x", "1"), (unmanaged, "1"), (10**9, "1")):
        assert admin.get(f"/admin/r/{kind}/{key}/").status_code == 404
