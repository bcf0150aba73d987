"""Tokens that are good for a few minutes, made from a key: JSON Web Tokens, for clients that would rather not carry the
key itself. The row of the key is asked all the same, so a key that is revoked, rotated or over ends its tokens."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import timedelta

import jwt
from django.conf import settings
from django.utils import timezone

from accounts.actions import AccountError, noted
from accounts.models import ApiKey
from accounts.permissions import Scope

ALGORITHM = "HS256"
SHORTEST, USUAL, LONGEST = 60, 900, 3600  # seconds
MOST_LETTERS = 2000


def make_token(key: ApiKey, scopes: Iterable[str] = (), seconds: int = USUAL) -> tuple[str, list[str]]:
    """A token for so many seconds, and its scopes: these, or all of the key. Raises AccountError for one that the key
    does not have."""
    wanted = set(scopes) or set(key.scopes)
    if lacking := wanted - set(key.scopes):
        raise AccountError(f"The key does not have the scope {sorted(lacking)[0]}.")
    now = timezone.now()
    ends = now + timedelta(seconds=seconds)
    chosen = [scope for scope in Scope.values if scope in wanted]
    claims = {"aud": _audience(), "sub": key.public_id, "iat": now, "scopes": chosen,
              "exp": min(ends, key.expires_at) if key.expires_at else ends}
    return jwt.encode(claims, _secret(key), ALGORITHM, headers={"kid": key.public_id}), chosen


def find_by_token(text: str, address: str = "") -> ApiKey | None:
    """The key that a token was made from, with the scopes of the token; None unless both are good. Notes its use."""
    if len(text) > MOST_LETTERS:
        return None
    try:
        public_id = jwt.get_unverified_header(text).get("kid")
    except jwt.InvalidTokenError:
        return None
    key = ApiKey.objects.filter(public_id=str(public_id)[:16].replace("\0", ""), revoked_at=None).first()
    if key is None or key.has_expired(timezone.now()):
        return None
    try:
        claims = jwt.decode(text, _secret(key), [ALGORITHM], audience=_audience(),
                            options={"require": ["exp", "iat", "sub", "aud"]})
    except jwt.InvalidTokenError:
        return None
    noted(key, address)
    key.scopes = [scope for scope in key.scopes if scope in claims.get("scopes", ())]
    key.by_token = True
    return key


def _audience() -> str:
    return f"hub:{settings.HUB_ID}"


def _secret(key: ApiKey) -> bytes:
    """Of this Hub and of the key as it is now: what stands in the database is not enough to make tokens."""
    return hmac.new(settings.SECRET_KEY.encode(), f"token {key.secret_hash}".encode(), hashlib.sha256).digest()
