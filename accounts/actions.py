"""Keys for scripts, and one-time links for people."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, SignInLink
from accounts.permissions import SCOPES_OF, Role, Scope
from accounts.signals import admin_made, key_created, key_revoked, key_rotated, link_made, link_used

LINK_LIFE = timedelta(minutes=15)
# What an admin hands on, and what is sent by mail, takes a while to arrive.
INVITATION_LIFE, PASSWORD_LIFE = timedelta(days=3), timedelta(hours=1)
KEY = re.compile(r"hub_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class AccountError(Exception):
    """Something that cannot be done; `message` is for the user."""

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class LinkUnusable(AccountError):
    """A sign-in link that is unknown, used, expired or needless; `why` is that word."""

    def __init__(self, why: str, message: str):
        super().__init__(message)
        self.why = why


def make_key(name: str, role: str = "", created_by: str = "hub", *, scopes: Iterable[str] = (),
             projects: Iterable[int] | None = None, expires_at: datetime | None = None, payloads: bool = True
             ) -> tuple[ApiKey, str]:
    """A new key and its plain text, which is nowhere kept: with these scopes, or those of a role. Raises AccountError
    for a bad or taken name, a bad role or scope, or a time that is over."""
    name = name.strip()
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise AccountError("The name of a key has 1 to 100 letters, digits and signs.")
    if expires_at is not None and expires_at <= timezone.now():
        raise AccountError("A key must end in the future.")
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        public_id=secrets.token_hex(6), name=name, secret_hash=_hash(secret), scopes=_scopes(role, scopes),
        projects=None if projects is None else sorted(set(projects)), expires_at=expires_at, payloads=payloads,
        created_by=created_by,
    )  # fmt: skip
    try:
        with transaction.atomic():
            key.save()
            key_created.send(ApiKey, key=key)
    except IntegrityError:
        raise AccountError(f"There is a key named {name!r}. Revoke it first, or take another name.") from None
    return key, f"hub_{key.public_id}_{secret}"


def find_key(plain: str, address: str = "") -> ApiKey | None:
    """The key, unless it is malformed, unknown, wrong, expired or revoked. Notes its use."""
    match = KEY.fullmatch(plain)
    if not match:
        return None
    key = ApiKey.objects.filter(public_id=match[1], revoked_at=None).first()
    # Compared also where there is no such key, so that the time of the answer says nothing.
    right = hmac.compare_digest(key.secret_hash if key else "0" * 64, _hash(match[2]))
    if key is None or not right or key.has_expired(timezone.now()):
        return None
    return noted(key, address)


def noted(key: ApiKey, address: str) -> ApiKey:
    """The key, whose use from this address is written down, at most once a minute."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > timedelta(minutes=1) or key.last_used_address != address:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now, last_used_address=address)
        key.last_used_at, key.last_used_address = now, address
    return key


def rotate_key(key: ApiKey) -> str:
    """Give a key a new secret, the plain text of which is returned and nowhere kept; the old one is no longer good.
    Raises AccountError when it is revoked."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        in_force = ApiKey.objects.filter(pk=key.pk, revoked_at=None)
        if not in_force.update(secret_hash=_hash(secret), rotated_at=timezone.now()):
            raise AccountError("This key is revoked: make a new one.")
        key.refresh_from_db()
        key_rotated.send(ApiKey, key=key)
    return f"hub_{key.public_id}_{secret}"


def revoke_key(key: ApiKey) -> bool:
    """End a key for ever. False when it was revoked before."""
    with transaction.atomic():
        if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
            return False
        key.refresh_from_db()
        key_revoked.send(ApiKey, key=key)
    return True


def make_sign_in_link(user: User | None = None, life: timedelta = LINK_LIFE, *, password: bool = False) -> str:
    """The URL path of a link that is good once, for so long: it signs `user` in, or makes an admin; with `password`
    the user chooses a new one first."""
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    with transaction.atomic():
        SignInLink.objects.filter(expires_at__lt=now - timedelta(days=30)).delete()
        link = SignInLink.objects.create(
            token_hash=_hash(token), user=user, created_at=now, expires_at=now + life, password=password
        )
        link_made.send(SignInLink, link=link)
    return reverse("accounts:link", args=[token])


def read_link(token: str) -> SignInLink:
    """The link, which stays usable. Raises LinkUnusable."""
    link = SignInLink.objects.select_related("user").filter(token_hash=_hash(token)).first()
    if link is None or (link.user is not None and not link.user.is_active):
        raise LinkUnusable("unknown", "Hub does not know this link. Perhaps a part of it was lost when it was copied.")
    if link.used_at is not None:
        raise LinkUnusable("used", "This link was used before. A link signs in once.")
    if link.expires_at <= timezone.now():
        raise LinkUnusable("expired", "This link is too old. Ask for a new one.")
    _check_needed(link)
    return link


def use_link(link: SignInLink, make: Any = None) -> User:
    """Spend the link: its user, or the first admin by `make()`. Raises LinkUnusable when somebody was faster."""
    now = timezone.now()
    with transaction.atomic():
        if link.user_id is None:
            # Of two such links used at once, one waits here for the other, and then sees the admin that it made.
            list(SignInLink.objects.select_for_update().filter(user=None).order_by("pk").values_list("pk"))
            _check_needed(link)
        # The row count decides: of two that come at once, one gets the link, and nothing is made for the other.
        free = Q(pk=link.pk, used_at=None, expires_at__gt=now)
        if not SignInLink.objects.filter(free).update(used_at=now):
            raise LinkUnusable("used", "This link was used before. A link signs in once.")
        user = link.user
        if user is None:
            user = make()
            admin_made.send(User, user=user)
        link_used.send(SignInLink, link=link, user=user)
    return user


def _check_needed(link: SignInLink) -> None:
    """LinkUnusable when it would make a first admin, and there is one. As for `signin-link`, one who may sign in."""
    if link.user_id is None and User.objects.filter(is_superuser=True, is_active=True).exists():
        raise LinkUnusable("needless", "Hub has its first admin by now, who can let others in.")


def _scopes(role: str, scopes: Iterable[str]) -> list[str]:
    """The scopes in their order. Raises AccountError for a role or scope that is none."""
    chosen = {str(scope) for scope in scopes}
    if not chosen:
        if role not in Role.values:
            raise AccountError(f"{role!r} is no role: use {', '.join(Role.values)}.")
        chosen = {scope.value for scope in SCOPES_OF[Role(role)]}
    if wrong := chosen - set(Scope.values):
        raise AccountError(f"{sorted(wrong)[0]!r} is no scope: use {', '.join(Scope.values)}.")
    return [scope for scope in Scope.values if scope in chosen]


def _hash(secret: str) -> str:
    # The secrets are 256 random bits: a plain hash cannot be guessed backwards, and costs no time at each request.
    return hashlib.sha256(secret.encode()).hexdigest()
