"""What a role allows, and how it is known."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.urls import reverse

from accounts.backends import RoleBackend
from accounts.models import Role
from accounts.permissions import grant_permissions
from accounts.roles import at_least, give_role, role_of
from accounts.tests.people import PASSWORD, person, signed_in

pytestmark = pytest.mark.django_db


def names(role: str) -> set[str]:
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


def test_each_role_may_what_those_before_it_may():
    viewer, operator, admin = (names(role) for role in Role.values)
    assert viewer < operator < admin
    assert {"view_event", "view_task", "view_project"} <= viewer
    assert all(name.startswith("view_") for name in viewer)
    assert operator - viewer == {"operate_task", "operate_project", "operate_rule"}
    assert {"add_user", "delete_apikey"} <= admin
    assert not any("dashboard" in name or "session" in name for name in admin)


def test_what_a_role_was_given_before_it_was_withheld_is_taken_back():
    permission = Permission.objects.get(codename="delete_session")
    Group.objects.get(name="admin").permissions.add(permission)
    grant_permissions(apps.get_app_config("sessions"), "default")
    assert "delete_session" not in names("admin")


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


def change_page(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def test_an_admin_changes_roles_but_makes_nobody_a_superuser():
    client = signed_in("admin")
    me, other = User.objects.get(), person("viewer", "ines")
    operator, permission = Group.objects.get(name="operator"), Permission.objects.get(codename="delete_session")
    for user in (me, other):
        form = {"username": user.username, "is_active": "on", "is_staff": "on", "is_superuser": "on",
                "groups": [operator.pk, *user.groups.values_list("pk", flat=True)], "user_permissions": [permission.pk],
                "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
        assert client.post(change_page(user), form).status_code == 302
        user = User.objects.get(pk=user.pk)
        assert operator in user.groups.all()
        assert not user.is_superuser and not user.user_permissions.exists()


def test_an_admin_cannot_touch_a_superuser():
    client, root = signed_in("admin"), person("admin", "root", is_superuser=True)
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert 'name="_save"' not in client.get(change_page(root)).text
    assert client.post(change_page(root), {"username": "eve"}).status_code == 403
    assert client.post(password, {"password1": PASSWORD * 2, "password2": PASSWORD * 2}).status_code == 403
    assert client.post(reverse("admin:auth_user_delete", args=[root.pk]), {"post": "yes"}).status_code == 403
    client.post(reverse("admin:auth_user_changelist"),
                {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"})
    fresh = User.objects.get(pk=root.pk)
    assert fresh.username == "root" and fresh.check_password(PASSWORD)


def test_a_superuser_may_make_another(admin_client):
    page = admin_client.get(change_page(person("admin", "mara"))).text
    assert 'name="is_superuser"' in page and 'name="user_permissions"' in page
