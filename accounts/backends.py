"""Who is signed in, with their role, in one query: every request needs both."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from accounts.models import Role


class RoleBackend(ModelBackend):
    """Django's own backend; the users that it finds know their `role_names` (see `accounts.roles.role_of`)."""

    def get_user(self, user_id: Any) -> User | None:
        """The active user with that id, or None."""
        membership = User.groups.through.objects.filter(user_id=OuterRef("pk"))
        user = (
            User.objects.filter(pk=user_id)
            .annotate(**{f"in_{role.value}": Exists(membership.filter(group__name=role.value)) for role in Role})
            .first()
        )
        if user is None or not self.user_can_authenticate(user):
            return None
        user.role_names = {role.value for role in Role if getattr(user, f"in_{role.value}")}
        return user
