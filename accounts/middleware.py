"""Everything needs a session, except what has to work without one; and what a key is told about its limit."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

# The API and the metrics ask for keys themselves; the health checks are for machines.
OPEN_PATHS = ("/sign-in/", "/health", "/metrics", f"/{settings.STATIC_URL.strip('/')}/", "/api/", "/favicon.ico")


class SignInRequiredMiddleware:
    """Sends strangers to the sign-in page, and back afterwards. A fragment's poll is answered 401 with HX-Redirect, so
    that htmx leads the whole page there.

    Synchronous on purpose, and the innermost of all: then Django runs every middleware in the one thread of the
    request, instead of changing threads at each.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(OPEN_PATHS) or request.user.is_authenticated:
            return self.get_response(request)
        if request.htmx:
            # Back to the page that the fragment stands on, not to the fragment.
            page = request.htmx.current_url_abs_path or settings.LOGIN_REDIRECT_URL
            target = redirect_to_login(resolve_url(page), settings.LOGIN_URL).url
            return HttpResponse(status=401, headers={"HX-Redirect": target, "Cache-Control": "no-store"})
        readable = request.method in ("GET", "HEAD")
        page = request.get_full_path() if readable else resolve_url(settings.LOGIN_REDIRECT_URL)
        return redirect_to_login(page, settings.LOGIN_URL)


class RateHeadersMiddleware:
    """Tells a key with every answer that counted how many more it may ask for, and when."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if rate := getattr(request, "rate", None):
            for name, value in rate.headers().items():
                response[name] = value
        return response
