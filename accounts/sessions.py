"""Sessions as rows, read together with the person who is signed in: every request needs both."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.db import connection
from django.utils import timezone

# By hand, because every request asks it, and the ORM takes longer to build it than any database to answer it.
ROLES = """
LEFT JOIN auth_user_groups ON auth_user_groups.user_id = auth_user.id
LEFT JOIN auth_group ON auth_group.id = auth_user_groups.group_id
"""
PERSON = f"SELECT auth_user.*, auth_group.name AS group_name FROM auth_user {ROLES} WHERE auth_user.id = %s"
SESSION = f"""
SELECT django_session.session_data, auth_user.*, auth_group.name AS group_name
FROM django_session LEFT JOIN auth_user ON auth_user.id = %s {ROLES}
WHERE django_session.session_key = %s AND django_session.expire_date > %s
"""
# So many sessions are known by whose they were last.
MOST = 1000

# Whose a session was when it was last read: only a guess at whom to read along, since the row itself is sealed.
_owners: dict[str, int] = {}
_person: ContextVar[tuple[User, ...]] = ContextVar("person", default=())


class SessionStore(db.SessionStore):
    """Django's sessions in the database. Never from a cache: who signs out is out at once, everywhere."""

    def load(self) -> dict[str, Any]:
        """What the session holds; nothing when it has ended."""
        _person.set(())
        owner = _owners.get(self.session_key)
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        rows = tuple(User.objects.raw(SESSION, [owner, self.session_key, now]))
        if not rows:
            _owners.pop(self.session_key, None)
            self._session_key = None
            return {}
        data = self.decode(rows[0].session_data)
        if owner is not None and str(owner) == data.get(SESSION_KEY):
            _person.set(rows)
        elif SESSION_KEY in data:
            if len(_owners) >= MOST:
                _owners.clear()
            _owners[self.session_key] = int(data[SESSION_KEY])
        return data


def person(user_id: Any) -> User | None:
    """The user of that id, with `role_names`: the names of all groups; None when there is none. Right after their
    session was loaded it costs no query."""
    rows, _ = _person.get(), _person.set(())
    if not rows or rows[0].pk != user_id:
        rows = tuple(User.objects.raw(PERSON, [user_id]))
    if not rows or rows[0].pk is None:
        return None
    user = rows[0]
    user.role_names = {row.group_name for row in rows}
    return user
