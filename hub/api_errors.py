"""Everything that goes wrong under /api/, in one shape:
`{"error": {"code", "message", "field"?, "hint"?, "position"?, "expected"?,
"correlation_id"}}`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from alerts.errors import AlertError, NotNow
from analytics.builder.errors import Busy, NoFile
from analytics.errors import BadQuestion
from events.context import correlation_id
from events.keyset import BadCursor
from events.moments import BadMoment
from events.publishing import BadPayload, PayloadTooLarge
from events.subjects import BadSubject
from events.tail import BeyondTheEnd
from hub.api_json import BadJson
from hub.api_once import BadKey
from hub.api_words import DOCS, told
from projects.errors import ProjectError
from projects.stacks.spec import StackError
from retrospectives.errors import RetrospectiveError
from tasks.errors import BadTask, TaskError
from tasks.schedules.errors import BadSchedule
from tasks.search.errors import BadQuery, NotYet, TooBroad

logger = logging.getLogger("hub.api")

PREFIX = "/api/"
CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}
MESSAGES = {
    400: "The request was not understood.",
    401: "Send a key (Authorization: Bearer hub_...), or sign in.",
    403: "You may not do this.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The body is too large.",
    500: "Something went wrong in Hub. Its log has the details under this correlation id.",
}
HINTS = {
    404: "The addresses are listed at /api/docs.",
    405: "The header Allow names those that it takes.",
    413: f"The limit is {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes (HUB_MAX_BODY).",
}
NOT_UNDERSTOOD = "The body was not understood."

STATUS_OF_PROJECT_ERROR = {"invalid": 422, "conflict": 409, "forbidden": 403}
STATUS_OF_STACK_ERROR = {"outside": 403, "unreadable": 403, "missing": 404, "bad-path": 400, "not-a-folder": 400}


def api_error(status: int, message: str = "", *, field: str = "", hint: str = "", **more: Any) -> JsonResponse:
    """An error in the one shape; its code, and message and hint where there is no message, follow from the status.
    `more` is added as it is."""
    if not message:
        message = MESSAGES.get(status) or f"{HTTPStatus(status).phrase}."
        hint = hint or HINTS.get(status, "")
    error: dict[str, Any] = {
        "code": CODES.get(status) or HTTPStatus(status).phrase.lower().replace(" ", "_"),
        "message": message,
    }
    if field:
        error["field"] = field
    if hint:
        error["hint"] = hint
    error.update(more)
    error["correlation_id"] = str(correlation_id())
    response = JsonResponse({"error": error}, status=status)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


class ApiErrorMiddleware:
    """Puts into the one shape what the API's own operations did not answer: unknown addresses, wrong methods, and
    what other middleware refused. Stands just inside CorrelationMiddleware."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path_info.startswith(PREFIX):
            return response
        if response.get("Content-Type", "").startswith("application/json"):
            return response
        is_said = response.get("Content-Type", "").startswith("text/plain") and not response.streaming
        shaped = api_error(response.status_code, response.content.decode().strip() if is_said else "")
        for name, value in response.items():
            if name not in ("Content-Type", "Content-Length"):
                shaped[name] = value
        shaped.cookies = response.cookies
        return shaped


def add_error_handlers(api: NinjaAPI) -> None:
    """Say for every exception that an operation may raise which answer it becomes."""
    for exception, handler in HANDLERS.items():
        api.add_exception_handler(exception, handler)


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    # Ninja wraps whatever its parser raised into an HttpError(400) of its own words.
    if isinstance(error.__cause__, BadJson):
        return api_error(400, f"{NOT_UNDERSTOOD} {error.__cause__}")
    message = "" if error.message in ("Unauthorized", "Forbidden") else error.message
    return api_error(error.status_code, message)


def _validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    source, *place = first["loc"]
    if source == "path":  # an id that cannot be one is an unknown id
        return api_error(404, "There is nothing with that id.")
    if source == "body":
        place = place[1:]  # the first is the name of the view's own parameter
    field = ".".join(str(part) for part in place)
    message, hint = told(first, field)
    return api_error(422, message, field=field, hint=hint)


def _project_error(request: HttpRequest, error: ProjectError) -> HttpResponse:
    return api_error(STATUS_OF_PROJECT_ERROR[error.code], error.message, field=error.field, hint=error.hint)


def _stack_error(request: HttpRequest, error: StackError) -> HttpResponse:
    return api_error(STATUS_OF_STACK_ERROR.get(error.code, 422), error.message, field="path", hint=error.hint)


def _bad_task(request: HttpRequest, error: BadTask | BadSchedule) -> HttpResponse:
    return api_error(422, error.message, field=error.field, hint=DOCS)


def _task_error(request: HttpRequest, error: TaskError) -> HttpResponse:
    # All but BadTask are about the state that a task is in.
    return api_error(409, error.message)


def _bad_retrospective(request: HttpRequest, error: RetrospectiveError) -> HttpResponse:
    # What is wrong with a `state` is that of the thing itself; all else is the request's.
    return api_error(409 if error.field == "state" else 422, error.message, field=error.field)


def _bad_query(request: HttpRequest, error: BadQuery) -> HttpResponse:
    return api_error(400, str(error), field="q", position=error.position, expected=error.expected)


def _too_broad(request: HttpRequest, error: TooBroad) -> HttpResponse:
    return api_error(422, error.message, field="q", hint=error.hint)


def _alert_error(request: HttpRequest, error: AlertError) -> HttpResponse:
    return api_error(409 if isinstance(error, NotNow) else 422, error.message, field=error.field)


def _busy(request: HttpRequest, error: Busy) -> HttpResponse:
    response = api_error(503, "As many exports as may be are being read just now.", hint="Ask again in a minute.")
    response["Retry-After"] = "30"
    return response


def _no_file(request: HttpRequest, error: NoFile) -> HttpResponse:
    return api_error(error.status, error.message)


def _not_yet(request: HttpRequest, error: NotYet) -> HttpResponse:
    response = api_error(503, error.message, hint=error.hint)
    response["Retry-After"] = "2"
    return response


def _bad_cursor(request: HttpRequest, error: BadCursor) -> HttpResponse:
    return api_error(400, str(error), field="cursor", hint="Begin again without a cursor.")


def _bad_key(request: HttpRequest, error: BadKey) -> HttpResponse:
    return api_error(422, str(error), field="Idempotency-Key")


def _bad_subject(request: HttpRequest, error: BadSubject) -> HttpResponse:
    return api_error(422 if request.method == "POST" else 400, str(error), field="subject")


def _bad_moment(request: HttpRequest, error: BadMoment) -> HttpResponse:
    return api_error(400, str(error), field=error.field)


def _bad_question(request: HttpRequest, error: BadQuestion) -> HttpResponse:
    return api_error(422, error.message, field=error.field, hint=error.hint)


def _beyond_the_end(request: HttpRequest, error: BeyondTheEnd) -> HttpResponse:
    return api_error(400, str(error), field="after")


def _bad_payload(request: HttpRequest, error: BadPayload) -> HttpResponse:
    return api_error(413 if isinstance(error, PayloadTooLarge) else 422, str(error), field="payload")


def _forbidden(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
    return api_error(403, str(error))


def _not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return api_error(404, str(error))


def _too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return api_error(413)


def _unreadable(request: HttpRequest, error: Exception) -> HttpResponse:
    return api_error(400, NOT_UNDERSTOOD, hint="Send JSON.")


def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("%s %s failed", request.method, request.path_info, exc_info=error)
    return api_error(500)


HANDLERS: dict[type[Exception], Any] = {
    HttpError: _http_error,
    ValidationError: _validation_error,
    ProjectError: _project_error,
    StackError: _stack_error,
    BadTask: _bad_task,
    BadSchedule: _bad_task,
    RetrospectiveError: _bad_retrospective,
    BadQuery: _bad_query,
    TooBroad: _too_broad,
    NotYet: _not_yet,
    TaskError: _task_error,
    AlertError: _alert_error,
    Busy: _busy,
    NoFile: _no_file,
    BadCursor: _bad_cursor,
    BadKey: _bad_key,
    BadSubject: _bad_subject,
    BadMoment: _bad_moment,
    BadQuestion: _bad_question,
    BeyondTheEnd: _beyond_the_end,
    BadPayload: _bad_payload,
    PermissionDenied: _forbidden,
    Http404: _not_found,
    RequestDataTooBig: _too_large,
    RawPostDataException: _unreadable,
    UnreadablePostError: _unreadable,
    Exception: _unexpected,
}
