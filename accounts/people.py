"""What admins do with people: let them in, give roles and grants, switch off; and what everybody does for
themselves."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.actions import AccountError
from accounts.models import Access, Grant, Role, Session
from accounts.roles import give_role, role_of
from accounts.signals import person_changed, sessions_ended

NAME = User._meta.get_field("username")


def invite(name: str, email: str, role: str, by: User) -> User:
    """Somebody new with that role, who has no password yet: a sign-in link lets them in. Raises AccountError."""
    name, email = name.strip(), email.strip()
    try:
        name = NAME.clean(User.normalize_username(name), None)
        if email:
            validate_email(email)
    except ValidationError as error:
        raise AccountError(error.messages[0]) from None
    if role not in Role.values:
        raise AccountError(f"Choose a role: {', '.join(Role.values)}.")
    if User.objects.filter(username__iexact=name).exists():
        raise AccountError("Somebody has this name already. Take another.")
    with transaction.atomic():
        user = User(username=name, email=User.objects.normalize_email(email))
        user.set_unusable_password()
        user.save()
        give_role(user, Role(role))
        _changed(user, by, made=True, role=role)
    return user


def change_role(user: User, role: str, by: User) -> None:
    """Give somebody another role. Raises AccountError."""
    check_may_touch(user, by)
    if role not in Role.values:
        raise AccountError(f"Choose a role: {', '.join(Role.values)}.")
    if user.pk == by.pk:
        raise AccountError("You cannot change your own role. Ask another admin.")
    with transaction.atomic():
        give_role(user, Role(role))
        _changed(user, by, role=role)


def change_access(user: User, *, limited: bool, payloads: bool, by: User) -> None:
    """Let somebody see all projects or only those granted, and parameters, environments and logs or not. Raises
    AccountError."""
    check_may_touch(user, by)
    with transaction.atomic():
        Access.objects.update_or_create(user=user, defaults={"limited": limited, "payloads": payloads})
        _changed(user, by, limited=limited, payloads=payloads)


def grant(user: User, project: int, role: str, by: User) -> None:
    """Give somebody a role on one project; empty: none any more. Raises AccountError."""
    check_may_touch(user, by)
    if role and role not in Role.values:
        raise AccountError(f"Choose a role: {', '.join(Role.values)}.")
    with transaction.atomic():
        if role:
            Grant.objects.update_or_create(user=user, project=project, defaults={"role": role})
        else:
            Grant.objects.filter(user=user, project=project).delete()
        _changed(user, by, project=project, granted=role or None)


def switch(user: User, on: bool, by: User) -> None:
    """Let somebody sign in again, or no more: then all their sessions end. Raises AccountError."""
    check_may_touch(user, by)
    if user.pk == by.pk:
        raise AccountError("You cannot switch yourself off. Ask another admin.")
    with transaction.atomic():
        user.is_active = on
        user.save(update_fields=["is_active"])
        if not on:
            Session.objects.filter(user=user).delete()
        _changed(user, by, active=on)


def check_may_touch(user: User, by: User) -> None:
    """Nobody gives or takes more than they have: AccountError unless they may change that person."""
    if role_of(by) != Role.ADMIN or (user.is_superuser and not by.is_superuser):
        raise AccountError("Only a superuser changes a superuser.")


def set_password(user: User, password: str, *, keep: str = "") -> None:
    """Give somebody a password of their choice, and end their sessions but the one with the row key `keep`. Raises
    AccountError."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise AccountError(" ".join(error.messages)) from None
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        Session.objects.filter(user=user).exclude(pk=keep).delete()
        _changed(user, user, password=True)


def end_sessions(user: User, *, only: str = "", but: str = "") -> int:
    """End the sessions of somebody: the one with this row key, or all but one. How many."""
    rows = Session.objects.filter(user=user)
    rows = rows.filter(pk=only) if only else rows.exclude(pk=but)
    with transaction.atomic():
        number = rows.delete()[1].get("accounts.Session", 0)
        if number:
            sessions_ended.send(User, user=user, number=number)
    return number


def _changed(user: User, by: User, **what: Any) -> None:
    person_changed.send(User, user=user, by=by, what=what)
