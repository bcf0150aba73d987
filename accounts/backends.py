"""Who is signed in, with their role."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from accounts.models import Role
from accounts.sessions import person


class RoleBackend(ModelBackend):
    """Django's own backend; the users that it finds know their `role_names` (see `accounts.roles.role_of`)."""

    def get_user(self, user_id: Any) -> User | None:
        """The active user with that id, or None."""
        user = person(user_id)
        if user is None or not self.user_can_authenticate(user):
            return None
        user.role_names &= set(Role.values)
        return user
