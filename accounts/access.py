"""The guard of a page: which role it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts.grants import Refused, admit
from accounts.models import Role


def require(needed: Role, *, by_project: bool = False, payloads: bool = False) -> Callable[
        [Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view for this role and those above it; for everybody else PermissionDenied, which is the 403 page.

    `by_project`: it shows and does nothing but what is about projects, so that it is also for those who may only see
    some. Where the address has a number, it is that of the project. `payloads`: it shows environments or logs.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            project = kwargs.get("pk")
            try:
                reach = admit(request.user, needed, by_project=by_project,
                              project=project if type(project) is int else None)
                if payloads:
                    reach.check_payloads()
            except Refused as refused:
                raise PermissionDenied(f"{refused.message} Ask an admin of this Hub.") from None
            return view(request, *args, **kwargs)

        return guarded

    return decorate
