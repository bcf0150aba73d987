"""Who is signed in, with their role, in one query: every request needs both."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from accounts.models import Role

# By hand, because every request asks it, and the ORM takes longer to build it than any database to answer it.
WITH_ROLES = """
SELECT auth_user.*, auth_group.name AS group_name
FROM auth_user
LEFT JOIN auth_user_groups ON auth_user_groups.user_id = auth_user.id
LEFT JOIN auth_group ON auth_group.id = auth_user_groups.group_id
WHERE auth_user.id = %s
"""


class RoleBackend(ModelBackend):
    """Django's own backend; the users that it finds know their `role_names` (see `accounts.roles.role_of`)."""

    def get_user(self, user_id: Any) -> User | None:
        """The active user with that id, or None."""
        rows = list(User.objects.raw(WITH_ROLES, [user_id]))  # one for each group
        if not rows or not self.user_can_authenticate(rows[0]):
            return None
        user = rows[0]
        user.role_names = {row.group_name for row in rows} & set(Role.values)
        return user
