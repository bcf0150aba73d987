"""Answers that a client may have already: each read has an `ETag`, and is answered 304 to who names it."""

from __future__ import annotations

import re
import zlib

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers

# Lengths that grow by themselves: a client that has the rest can count them. Never within a text: a quote has a
# backslash there.
GROWING = re.compile(rb'(?<!\\)"(?:wait|run|remaining|heartbeat_age|watch_age)": ?-?[0-9][0-9.eE+-]*')
TASKS = ("/api/tasks", "/api/workers", "/api/nodes")


def conditional(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The answer with its `ETag`, or 304 in its place where the client has it. The tag is weak: two answers with the
    same one say the same, but for how long something has been going on."""
    if request.method != "GET" or response.status_code != 200 or response.streaming:
        return response
    said = GROWING.sub(b"", response.content) if request.path.startswith(TASKS) else response.content
    etag = f'W/"{zlib.crc32(said):08x}{len(said):x}"'
    response.headers.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ("Authorization", "Cookie"))
    response.headers["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response)
