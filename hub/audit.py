"""Facts about people and keys. `accounts` only says what happens there; here it is written down."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from accounts.models import ApiKey, SignInLink
from accounts.shell import shell_actor
from accounts.signals import (
    admin_made,
    key_created,
    key_revoked,
    key_rotated,
    link_made,
    link_used,
    person_changed,
    sessions_ended,
    sign_in_limited,
)
from accounts.throttle import Standing
from events.actions import record
from events.context import acting, current

logger = logging.getLogger("hub.audit")


@receiver(user_logged_in)
def signed_in(sender: Any, user: User, **kwargs: Any) -> None:
    with acting(actor=user.get_username()):
        record("audit.signed-in", {"user": user.get_username()})


@receiver(user_logged_out)
def signed_out(sender: Any, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        record("audit.signed-out", {"user": user.get_username()})


@receiver(user_login_failed)
def sign_in_failed(sender: Any, credentials: dict[str, Any], **kwargs: Any) -> None:
    name = str(credentials.get("username", ""))
    record("audit.sign-in-failed", {"user": _known(name)})


@receiver(sign_in_limited)
def limited(sender: Any, address: str, name: str, standing: Standing, **kwargs: Any) -> None:
    """Somebody may be trying passwords: what an alert can listen for."""
    record("audit.sign-in-limited", {
        "address": address, "user": _known(name), "closed": standing.closed, "seconds": standing.retry_after})
    logger.warning("Too many sign-ins failed from %s: nothing is tried for %s s.", address, standing.retry_after)


@receiver(key_created)
def created_key(sender: Any, key: ApiKey, **kwargs: Any) -> None:
    _record_done("audit.key-created", {"key": key.name, "public_id": key.public_id, "scopes": key.scopes,
                                        "projects": key.projects})


@receiver(key_revoked)
def revoked_key(sender: Any, key: ApiKey, **kwargs: Any) -> None:
    _record_done("audit.key-revoked", {"key": key.name, "public_id": key.public_id})


@receiver(key_rotated)
def rotated_key(sender: Any, key: ApiKey, **kwargs: Any) -> None:
    _record_done("audit.key-rotated", {"key": key.name, "public_id": key.public_id})


@receiver(link_made)
def made_link(sender: Any, link: SignInLink, **kwargs: Any) -> None:
    _record_done("audit.sign-in-link-made", {"link": link.pk, "user": link.user.get_username() if link.user else None})


@receiver(link_used)
def used_link(sender: Any, link: SignInLink, user: User, **kwargs: Any) -> None:
    record("audit.sign-in-link-used", {"link": link.pk, "user": user.get_username()})


@receiver(admin_made)
def made_admin(sender: Any, user: User, **kwargs: Any) -> None:
    record("audit.admin-made", {"user": user.get_username()})


@receiver(person_changed)
def changed_person(sender: Any, user: User, what: dict[str, Any], **kwargs: Any) -> None:
    _record_done("audit.person-changed", {"user": user.get_username(), **what})


@receiver(sessions_ended)
def ended_sessions(sender: Any, user: User, number: int, **kwargs: Any) -> None:
    _record_done("audit.sessions-ended", {"user": user.get_username(), "sessions": number})


def _known(name: str) -> str | None:
    """The name, where somebody has it. One that nobody has may be a password in the wrong field: it is not written
    down."""
    return name if User.objects.filter(username=name).exists() else None


def _record_done(action: str, payload: dict[str, Any]) -> None:
    """What is done outside of a request, which has its own origin, is done by a command."""
    if current().via:
        record(action, payload)
        return
    with acting(actor=shell_actor(), via="command"):
        record(action, payload)
