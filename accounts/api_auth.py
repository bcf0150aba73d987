"""Who asks, in the API: a key in the Authorization header, or the session of somebody signed in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.errors import AuthenticationError, AuthorizationError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from accounts.actions import find_key
from accounts.models import ApiKey, Role
from accounts.roles import at_least, role_of
from accounts.signals import key_accepted


class KeyAuth(HttpBearer):
    """`Authorization: Bearer hub_...`. Where there is a header it decides: a wrong key is 401 beside a good session."""

    def __init__(self, needed: Role):
        super().__init__()
        self.needed = needed

    def __call__(self, request: HttpRequest) -> ApiKey | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, token = header.strip().partition(" ")
        if scheme.lower() != self.openapi_scheme:
            raise AuthenticationError(message="Only Authorization: Bearer <key> is understood.")
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        key = find_key(token)
        if key is None:
            raise AuthenticationError(message="The key is wrong or revoked.")
        key_accepted.send(ApiKey, key=key)
        _check(key.role, self.needed)
        return key


class SessionAuth(APIKeyCookie):
    """The session cookie; whatever changes something needs the CSRF token in the X-CSRFToken header as well."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, needed: Role):
        super().__init__()
        self.needed = needed

    def __call__(self, request: HttpRequest) -> Any | None:
        return self.authenticate(request, request.COOKIES.get(self.param_name))

    def authenticate(self, request: HttpRequest, key: str | None) -> Any | None:
        if not request.user.is_authenticated:
            return None
        # Only now: somebody who is not signed in is told so (401), not that a token is missing (403).
        if check_csrf(request) is not None:
            raise AuthorizationError(message="The CSRF token is missing or wrong. Send it in the X-CSRFToken header.")
        _check(role_of(request.user), self.needed)
        return request.user


def allow(needed: Role) -> list[KeyAuth | SessionAuth]:
    """The `auth` of an operation that this role, and every role above it, may use: 401 or 403 for all others, before
    the request's body is looked at."""
    return [KeyAuth(needed), SessionAuth(needed)]


def _check(role: str | None, needed: Role) -> None:
    if not at_least(role, needed):
        raise AuthorizationError(message=f"This needs the role {needed.value}; yours is {role or 'none'}.")
