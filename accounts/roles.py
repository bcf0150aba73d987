"""Who may do what. A role is a Django group of the same name; a superuser is an admin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group

from accounts.permissions import Role, at_least

__all__ = ["at_least", "give_role", "role_of"]


def role_of(user: Any) -> Role | None:
    """The highest role of somebody; None for those who are not signed in, are switched off, or have no role.

    Costs no query for the user of a request: `accounts.backends` reads the role along with the person.
    """
    if not user.is_authenticated or not user.is_active:
        return None
    if user.is_superuser:
        return Role.ADMIN
    names = getattr(user, "role_names", None)
    if names is None:
        names = set(user.groups.values_list("name", flat=True))
    held = [role for role in Role if role.value in names]
    return held[-1] if held else None


def give_role(user: Any, role: Role) -> None:
    """Make `role` the only role of somebody; admins may use the admin site."""
    user.groups.remove(*Group.objects.filter(name__in=Role.values))
    user.groups.add(Group.objects.get(name=role.value))
    if user.is_staff != (role == Role.ADMIN or user.is_superuser):
        user.is_staff = not user.is_staff
        user.save(update_fields=["is_staff"])
    user.role_names = {role.value}

