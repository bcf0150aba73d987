"""Sessions as rows, read together with the person who is signed in and with what they may see: every request
needs all of it."""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends import db
from django.db import connection
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import Session

# By hand, because every request asks it, and the ORM takes longer to build it than any database to answer it.
KNOWN = """
auth_user.*, auth_group.name AS group_name, accounts_access.limited, accounts_access.payloads,
accounts_grant.project AS granted, accounts_grant.role AS granted_role
"""
WITH = """
LEFT JOIN auth_user_groups ON auth_user_groups.user_id = auth_user.id
LEFT JOIN auth_group ON auth_group.id = auth_user_groups.group_id
LEFT JOIN accounts_access ON accounts_access.user_id = auth_user.id
LEFT JOIN accounts_grant ON accounts_grant.user_id = auth_user.id
"""
PERSON = f"SELECT {KNOWN} FROM auth_user {WITH} WHERE auth_user.id = %s"
SESSION = f"""
SELECT accounts_session.session_data, accounts_session.seen_at, {KNOWN}
FROM accounts_session LEFT JOIN auth_user ON auth_user.id = %s {WITH}
WHERE accounts_session.session_key = %s AND accounts_session.expire_date > %s
"""
# How often it is written down that a session is in use.
SEEN = timedelta(minutes=10)
# Where the session itself keeps from where it was begun, for the list of sessions.
BROWSER = "browser"
# So many sessions are known by whose they were last.
MOST = 1000

# Whose a session was when it was last read: only a guess at whom to read along, since the row itself is sealed.
_owners: dict[str, int] = {}
_person: ContextVar[tuple[User, ...]] = ContextVar("person", default=())


class SessionStore(db.SessionStore):
    """Django's sessions in the database. Never from a cache: who signs out is out at once, everywhere. The row is found
    by a hash of what the browser holds, which is nowhere kept."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def load(self) -> dict[str, Any]:
        """What the session holds; nothing when it has ended."""
        _person.set(())
        owner, now = _owners.get(self.session_key), timezone.now()
        until = connection.ops.adapt_datetimefield_value(now)
        rows = tuple(User.objects.raw(SESSION, [owner, hashed(self.session_key), until]))
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
        if now - _moment(rows[0].seen_at) > SEEN:
            Session.objects.filter(pk=hashed(self.session_key)).update(seen_at=now)
        return data

    def exists(self, session_key: str) -> bool:
        return super().exists(hashed(session_key))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            Session.objects.filter(pk=hashed(key)).delete()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        browser = data.get(BROWSER, {})
        return Session(
            session_key=hashed(self._get_or_create_session_key()), session_data=self.encode(data),
            expire_date=self.get_expiry_date(), user_id=data.get(SESSION_KEY), address=browser.get("address", ""),
            agent=browser.get("agent", ""), created_at=browser.get("at") or timezone.now(),
        )  # fmt: skip


def hashed(session_key: str | None) -> str:
    """The key of the row of a session."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()


@receiver(user_logged_in)
def note_browser(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Somebody signed in: keep from where, so that they know their sessions apart."""
    request.session[BROWSER] = {
        "address": request.META.get("REMOTE_ADDR") or "", "agent": request.headers.get("User-Agent", "")[:200],
        "at": timezone.now().isoformat(),
    }


def person(user_id: Any) -> User | None:
    """The user of that id, with `role_names`: the names of all groups, and `access_row`: (limited, payloads, {project:
    role}) as `accounts.grants` reads it; None when there is none. Right after their session was loaded it costs no
    query."""
    rows, _ = _person.get(), _person.set(())
    if not rows or rows[0].pk != user_id:
        rows = tuple(User.objects.raw(PERSON, [user_id]))
    if not rows or rows[0].pk is None:
        return None
    user = rows[0]
    user.role_names = {row.group_name for row in rows}
    user.access_row = (bool(user.limited), user.payloads is None or bool(user.payloads),
                       {row.granted: row.granted_role for row in rows if row.granted is not None})
    return user


def _moment(value: Any) -> datetime:
    """A time as a database gives it by hand: SQLite as text, in UTC."""
    found = value if isinstance(value, datetime) else parse_datetime(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
