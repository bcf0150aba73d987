"""What people see when a request cannot be answered: a page, or a part of one."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from events.context import correlation_id

TITLES = {
    400: "This request is not understood",
    403: "You may not do this",
    404: "Nothing at this address",
    405: "This is not possible here",
    413: "This is too large",
    500: "Something broke here",
}


def error_response(request: HttpRequest, status: int, message: str) -> HttpResponse:
    """A page that says what went wrong, or the part of one when htmx asks. (The API has its own: `hub.api_errors`.)

    Reads no database and no session: it also has to work when these are what broke.
    """
    context = {
        "title": TITLES[status],
        "message": message,
        "status": status,
        "correlation_id": str(correlation_id()),
        "hub_version": settings.VERSION,
        "hub_id": settings.HUB_ID,
        "theme": request.COOKIES.get("hub_theme", ""),
    }
    template = "errors/_error.html" if request.headers.get("HX-Request") else "errors/page.html"
    return HttpResponse(render_to_string(template, context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, 400, "Your browser or program sent something that Hub cannot read.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(request, 403, str(exception) or "Ask an admin of this Hub.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_response(
        request, 403, "The form was too old or came from elsewhere; nothing was done. Reload the page and try again."
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_response(
        request, 404, "What was here may have been deleted. Its tasks and events are kept, in their lists."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return error_response(request, 500, "What was being done was undone as a whole. Stacks that run are not touched.")
