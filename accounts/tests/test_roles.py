"""What a role allows, and how it is known."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from accounts.backends import RoleBackend
from accounts.models import Role
from accounts.roles import at_least, give_role, role_of
from accounts.tests.people import person, signed_in

pytestmark = pytest.mark.django_db


def names(role: str) -> set[str]:
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


def test_each_role_may_what_those_before_it_may():
    viewer, operator, admin = (names(role) for role in Role.values)
    assert viewer < operator < admin
    assert {"view_event", "view_task", "view_project"} <= viewer
    assert all(name.startswith("view_") for name in viewer)
    assert operator - viewer == {"operate_task", "operate_project"}
    assert {"add_user", "delete_apikey"} <= admin
    assert not any("dashboard" in name for name in admin)


@pytest.mark.django_db(transaction=True)
def test_the_groups_are_there_again_after_the_tables_were_emptied():
    assert {"viewer", "operator", "admin"} <= set(Group.objects.values_list("name", flat=True))
    assert "view_event" in names("viewer")


def test_the_highest_role_counts():
    user = person("viewer", "mara")
    assert role_of(user) == Role.VIEWER
    user.groups.add(Group.objects.get(name="operator"))
    assert role_of(User.objects.get(pk=user.pk)) == Role.OPERATOR
    user.is_superuser = True
    assert role_of(user) == Role.ADMIN
    user.is_active = False
    assert role_of(user) is None
    assert role_of(person(name="guest")) is None
    assert role_of(AnonymousUser()) is None


@pytest.mark.parametrize(("role", "needed", "may"), [
    ("viewer", "viewer", True), ("viewer", "operator", False), ("operator", "viewer", True),
    ("admin", "operator", True), (None, "viewer", False), ("owner", "viewer", False),
])
def test_at_least(role, needed, may):
    assert at_least(role, needed) is may


def test_a_person_and_the_role_cost_one_query(django_assert_num_queries):
    user = person("operator", "mara")
    with django_assert_num_queries(1):
        assert role_of(RoleBackend().get_user(user.pk)) == Role.OPERATOR


def test_giving_a_role_takes_the_other_away():
    user = person("admin", "mara")
    assert user.is_staff
    give_role(user, Role.VIEWER)
    fresh = User.objects.get(pk=user.pk)
    assert role_of(fresh) == Role.VIEWER
    assert not fresh.is_staff


@pytest.mark.parametrize("path", ["/", "/projects/", "/tasks/", "/events/"])
def test_somebody_without_a_role_sees_nothing(path):
    response = signed_in().get(path)
    assert response.status_code == 403
    assert "You may not do this" in response.text


@pytest.mark.parametrize("path", ["/", "/projects/", "/tasks/", "/events/"])
def test_a_viewer_reads_everything(path):
    assert signed_in("viewer").get(path).status_code == 200


def test_a_role_that_is_taken_away_counts_at_the_next_request():
    client = signed_in("viewer")
    assert client.get("/tasks/").status_code == 200
    User.objects.get().groups.clear()
    assert client.get("/tasks/").status_code == 403


def test_the_admin_site_is_for_admins():
    assert signed_in("admin").get("/admin/").status_code == 200
    assert signed_in("operator").get("/admin/").status_code == 302
