"""Who asks, in the API: a key in the Authorization header, or the session of somebody signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.errors import AuthenticationError, AuthorizationError, HttpError
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf

from accounts.actions import find_key
from accounts.grants import Refused, admit, tell_who
from accounts.models import ApiKey
from accounts.permissions import Role, Scope
from accounts.rates import ask
from accounts.tokens import find_by_token


@dataclass(frozen=True, slots=True)
class Need:
    """What an operation needs. `scope`: what a key needs instead of the role; `by_project`: it keeps to the projects
    that the asker may see, so that it is also for those who may only see some; `polled`: few of its answers count
    against the limit of a key; `payloads`: it answers with logs; `any_key`:
    a key need not be allowed anything for it."""

    role: Role
    scope: Scope | None = None
    by_project: bool = False
    polled: bool = False
    payloads: bool = False
    any_key: bool = False

    def check(self, request: HttpRequest, actor: Any) -> None:
        """AuthorizationError (403) when the actor may not do this."""
        if self.any_key:
            tell_who(actor)
            return
        place = request.resolver_match.kwargs.get("project_id") if request.resolver_match else None
        try:
            reach = admit(actor, self.role, self.scope, by_project=self.by_project, project=_number(place))
            if self.payloads:
                reach.check_payloads()
        except Refused as refused:
            raise AuthorizationError(message=refused.message) from None


class KeyAuth(HttpBearer):
    """`Authorization: Bearer hub_...`, or a token made from a key. Where there is a header it decides: a wrong key is
    401 beside a good session."""

    def __init__(self, need: Need):
        super().__init__()
        self.need = need

    def __call__(self, request: HttpRequest) -> ApiKey | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, token = header.strip().partition(" ")
        if scheme.lower() != self.openapi_scheme:
            raise AuthenticationError(message="Only Authorization: Bearer <key> is understood.")
        return self.authenticate(request, token.strip())

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey:
        find = find_key if token.startswith("hub_") else find_by_token
        key = find(token, request.META.get("REMOTE_ADDR") or "")
        if key is None:
            raise AuthenticationError(message="The key is wrong, expired or revoked.")
        request.rate = ask(key.public_id, polled=self.need.polled)
        if not request.rate.passes:
            raise HttpError(429, f"The key has asked {request.rate.limit} times, which is its limit. "
                                 f"Ask again in {request.rate.reset} s.")
        self.need.check(request, key)
        return key


class SessionAuth(APIKeyCookie):
    """The session cookie; whatever changes something needs the CSRF token in the X-CSRFToken header as well."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, need: Need):
        super().__init__()
        self.need = need

    def __call__(self, request: HttpRequest) -> Any | None:
        return self.authenticate(request, request.COOKIES.get(self.param_name))

    def authenticate(self, request: HttpRequest, key: str | None) -> Any | None:
        if not request.user.is_authenticated:
            return None
        # Only now: somebody who is not signed in is told so (401), not that a token is missing (403).
        if check_csrf(request) is not None:
            raise AuthorizationError(message="The CSRF token is missing or wrong. Send it in the X-CSRFToken header.")
        self.need.check(request, request.user)
        return request.user


def allow(needed: Role, scope: Scope | None = None, *, by_project: bool = False, polled: bool = False,
          payloads: bool = False) -> list[KeyAuth | SessionAuth]:
    """The `auth` of an operation that this role, and every role above it, may use: 401, 403 or 429 for all others,
    before the request's body is looked at. See `Need`."""
    need = Need(needed, scope, by_project, polled, payloads)
    return [KeyAuth(need), SessionAuth(need)]


def allow_any_key() -> list[KeyAuth]:
    """The `auth` of an operation for keys, whatever they may do, and for keys alone."""
    return [KeyAuth(Need(Role.VIEWER, any_key=True))]


def _number(text: Any) -> int | None:
    return int(text) if str(text).isascii() and str(text).isdigit() else None
