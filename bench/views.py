"""What the bench compares with, and what counts queries for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from projects.models import Project

COUNT_HEADER = "X-Bench-Queries"


def one_row(request: HttpRequest, pk: int) -> HttpResponse:
    """The plain thing: one row, as text."""
    name, state = Project.objects.values_list("name", "state").get(pk=pk)
    text = f"{name} is {state}\n".encode()
    return HttpResponse(text, content_type="text/plain", headers={"Content-Length": str(len(text))})


def one_row_alone(request: HttpRequest, pk: int) -> HttpResponse:
    """The same, and the connection is closed, as Django does it at the end of a request unless it is told otherwise."""
    try:
        return one_row(request, pk)
    finally:
        connection.close()


class QueryCountMiddleware:
    """Answers the number of queries in a header, where the request has that header."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if COUNT_HEADER not in request.headers:
            return self.get_response(request)
        queries = 0

        def counted(execute: Callable[..., Any], *args: Any) -> Any:
            nonlocal queries
            queries += 1
            return execute(*args)

        with connection.execute_wrapper(counted):
            response = self.get_response(request)
        response[COUNT_HEADER] = str(queries)
        return response
