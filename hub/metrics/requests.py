"""The requests that this process has answered, counted by route, so that no visitor can make a label."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from analytics.requests import note
from hub.metrics.exposition import Family, Histogram
from hub.middleware import Middleware

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_lock = threading.Lock()
_answered: Counter[tuple[str, str, str]] = Counter()
_lengths: dict[str, Histogram] = defaultdict(lambda: Histogram(BOUNDS))


class MetricsMiddleware(Middleware):
    """Counts each request and how long it took until its answer was whole, or began to stream."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began, asked = time.perf_counter(), Asked()
        with connection.execute_wrapper(asked):
            response = self.get_response(request)
        took = time.perf_counter() - began
        method = request.method if request.method in METHODS else "other"
        match = request.resolver_match
        with _lock:
            _answered[method, f"/{match.route}" if match else "none", str(response.status_code)] += 1
            _lengths[method].observe(took)
        note(match.view_name or match.route if match else "none", took, asked.queries)
        return response


class Asked:
    """Counts the queries that go through it."""

    __slots__ = ("queries",)

    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        self.queries += 1
        return execute(*args)


def families() -> list[Family]:
    """What was counted since this process began."""
    counts = Family("hub_http_requests_total", "counter", "Requests answered, by method, route and status.")
    lengths = Family("hub_http_request_seconds", "histogram", "Time until an answer was whole or began to stream.")
    with _lock:
        for (method, route, status), number in sorted(_answered.items()):
            counts.add(number, method=method, route=route, status=status)
        for method, histogram in sorted(_lengths.items()):
            histogram.write(lengths, method=method)
    return [counts, lengths]
