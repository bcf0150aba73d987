"""The looks that the web process takes for the monitor: when each began, how long it took, how many queries it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, JsonResponse

from tasks.monitor import shared

_looks: list[tuple[float, float, int, float, float]] = []


def looks(request: HttpRequest) -> JsonResponse:
    """Of each look since the last time this was asked: when it began (monotonic), its seconds, its queries, the seconds
    of its slowest query, and its seconds of processor."""
    found = list(_looks)
    _looks.clear()
    return JsonResponse({"looks": found})


def watch() -> None:
    """Count them from now on, those in the middle of a snapshot's life, too."""
    shared.take, shared.amended = _timed(shared.take), _timed(shared.amended)


def _timed(look: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    return lambda *snapshot: _look(look, *snapshot)


def _look(look: Callable[..., dict[str, Any]], *snapshot: dict[str, Any]) -> dict[str, Any]:
    lengths = []

    def timed(execute: Callable[..., Any], *args: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*args)
        finally:
            lengths.append(time.perf_counter() - began)

    began, start, worked = time.monotonic(), time.perf_counter(), time.thread_time()
    with connection.execute_wrapper(timed):
        taken = look(*snapshot)
    _looks.append((began, time.perf_counter() - start, len(lengths), max(lengths),
                   time.thread_time() - worked))
    return taken
