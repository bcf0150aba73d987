"""`python -m hub.tests.web_process`: Hub's web process alone, on a free port that it prints, with less patience than
usual and, at /api/flood, a stream that never ends, at /api/broken a view that raises."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"
django.setup()

from django.conf import settings  # noqa: E402 - Django has to be set up before
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

from events import streams  # noqa: E402
from hub.launch import connections  # noqa: E402
from hub.launch.web import serve  # noqa: E402
from hub.urls import handler403, handler404, handler500, urlpatterns  # noqa: E402

__all__ = ["handler403", "handler404", "handler500"]

LESS_PATIENCE, MOST_STREAMS = 1.0, 3


async def _water() -> AsyncIterator[streams.Message]:
    number = 0
    while True:
        number += 1
        yield streams.Message(str(number), "x" * 50_000)


def flood(request: HttpRequest) -> HttpResponse:
    """More than anybody reads, for everybody."""
    return streams.event_stream(_water(), 120)


def broken(request: HttpRequest) -> HttpResponse:
    """What no view should do, with a password in its words."""
    raise RuntimeError("the store at postgres://shop:s3cretpassword@db/shop is gone")


urlpatterns = [path("api/flood", flood), path("api/broken", broken), *urlpatterns]

if __name__ == "__main__":
    settings.ROOT_URLCONF = "hub.tests.web_process"
    settings.HUB_MAX_STREAMS = MOST_STREAMS
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    streams.PATIENCE = connections.FAREWELL = LESS_PATIENCE
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    serve(listening)
