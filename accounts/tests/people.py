"""People for tests."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Role
from accounts.roles import give_role

PASSWORD = "correct horse battery"


def person(role: str = "", name: str = "", **fields: Any) -> User:
    """Somebody with that role (none when empty), who can sign in with PASSWORD."""
    user = User.objects.create_user(name or role or "nobody", password=PASSWORD, **fields)
    if role:
        give_role(user, Role(role))
    return user


def signed_in(role: str = "", **options: Any) -> Client:
    """The browser of somebody new with that role, signed in."""
    client = Client(**options)
    client.force_login(person(role))
    return client
