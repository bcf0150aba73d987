"""What happens to every request before and after its view. All of it is synchronous: one thread serves a request,
and the context variables set here are in force in everything that it calls, also in an async view."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.log import log_response

from accounts.grants import Reach, reach_of
from accounts.signals import admitted
from events.context import acting, become, current, in_this_context
from hub.error_pages import error_response
from hub.policies import RQ, policy_for

GetResponse = Callable[[HttpRequest], HttpResponse]

CORRELATION_HEADER = "X-Correlation-ID"
SUPERUSER_PATHS = (RQ,)


class Middleware:
    """What the others share. Not capable of async: Django then keeps the whole request in one thread."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse):
        self.get_response = get_response


class CorrelationMiddleware(Middleware):
    """Gives the request its correlation id (the caller's, when that is a UUID), and answers it."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        correlation = _uuid(request.headers.get(CORRELATION_HEADER, "")) or uuid.uuid4()
        address = request.META.get("REMOTE_ADDR") or ""
        with acting(actor="anonymous", via=_via(request.path), address=address, correlation=correlation):
            response = self.get_response(request)
            if current().projects is not None and response.streaming and not response.is_async:
                response.streaming_content = in_this_context(response.streaming_content)
            if response.status_code >= 400:
                # Django would do this after the last middleware, where the correlation id is no longer in force.
                log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        response[CORRELATION_HEADER] = str(correlation)
        return response


class ActorMiddleware(Middleware):
    """Names who acts, for the facts that this request writes, and what exists for them. The door of a page or of an
    operation of the API does so again, more narrowly (`accounts.grants.admit`)."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Asking who it is costs queries: without a session cookie there is nobody to ask about.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            reach = reach_of(request.user)
            become(reach.name, reach.visible, reach.payloads)
        return self.get_response(request)


class ZeroByteMiddleware(Middleware):
    """Refuses a query with a zero byte, which no database can look for. The API says so itself, in its own form."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        if ("%00" in query or "\0" in query) and not _is_api(request.path):
            return error_response(request, 400, "The address has a zero byte (%00) in it. Take it out and try again.")
        return self.get_response(request)


class BodyLimitMiddleware(Middleware):
    """Refuses bodies over HUB_MAX_BODY with 413, by their announced length or by what came (see `hub.threads`)."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if not length.isascii() or not length.isdigit():
            return error_response(request, 400, "The Content-Length header is not a number.")
        if int(length) > limit or getattr(request, "scope", {}).get("hub.too_large"):
            return error_response(request, 413, f"What you sent is too large: the limit is {limit:,} bytes.")
        return self.get_response(request)


class ContentSecurityPolicyMiddleware(Middleware):
    """Only our own scripts and styles, none inline: text that slipped through unescaped could still do nothing."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy_for(request.path))
        return response


class MethodNotAllowedMiddleware(Middleware):
    """Gives the empty answers to wrong methods a readable body."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 405 or response.streaming or response.content or _is_api(request.path):
            return response
        allowed = response.headers.get("Allow", "")
        readable = error_response(request, 405, f"{request.method} is not possible here; {allowed or 'GET'} is.")
        readable.headers["Allow"] = allowed
        return readable


class SuperuserPathsMiddleware(Middleware):
    """RQ's own dashboard is for superusers: it can delete and run jobs behind the back of the database. For everybody
    else, also for the rest of the staff, there is nothing at its addresses."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(SUPERUSER_PATHS) and not request.user.is_superuser:
            raise Http404
        return self.get_response(request)


@receiver(admitted)
def act_as(sender: Any, reach: Reach, projects: frozenset[int] | None, **kwargs: Any) -> None:
    """The request at hand is of this actor, and about these projects."""
    become(reach.name, projects, reach.payloads, looked_at=reach.visible)


def _via(path: str) -> str:
    if _is_api(path):
        return "api"
    return "admin" if path.startswith(("/admin/", RQ)) else "page"


def _is_api(path: str) -> bool:
    return path.startswith("/api/")


def _uuid(text: str) -> uuid.UUID | None:
    if len(text) != 36:  # uuid.UUID also reads braces, "urn:uuid:" and bare digits
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
