"""The guard of a page: which role it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.models import Role
from accounts.roles import at_least, role_of


def require(needed: Role) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view for this role and those above it; for everybody else PermissionDenied, which is the 403 page."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            role = role_of(request.user)
            if not at_least(role, needed):
                has = f"yours is {role.label.lower()}" if role else "you have none yet"
                raise PermissionDenied(f"This needs the role {needed.label.lower()}; {has}. Ask an admin of this Hub.")
            return view(request, *args, **kwargs)

        return guarded

    return decorate
