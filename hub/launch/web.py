"""The web process: gunicorn's ASGI worker on the socket that `up` listens on."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from gunicorn.app.base import BaseApplication

from analytics import requests
from hub.launch.fork import die_with_parent, set_title

# Seconds that open streams keep the process alive after it was told to stop; clients resume.
GRACE = 5
# The same where another process answers already: a download may end, and streams end by themselves every minute.
HANDOVER_GRACE = 65
# WebSockets are here to listen: what they say (bytes a message) is not read.
MOST_SAID = 4096


class WebServer(BaseApplication):
    """gunicorn with one worker, configured here and nowhere else. `ready` is told when it can answer; who waits for
    that is there to follow it, so that it has time to end."""

    def __init__(self, sock: socket.socket, ready: int | None = None):
        self.sock, self.ready = sock, ready
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"fd://{self.sock.fileno()}",
            "worker_class": "hub.launch.connections.WebWorker",
            "websocket_max_message_size": MOST_SAID,
            "workers": 1,
            "preload_app": True,
            "graceful_timeout": GRACE if self.ready is None else HANDOVER_GRACE,
            "control_socket_disable": True,
            "loglevel": "warning",
            "post_fork": _worker_started,
            "post_worker_init": self._say_ready,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def _say_ready(self, worker: Any) -> None:
        if self.ready is not None:
            with contextlib.suppress(OSError):  # a later worker, when it has been said and nobody reads any more
                os.write(self.ready, b"1")

    def load(self) -> Any:
        return import_string(settings.ASGI_APPLICATION)


def _worker_started(arbiter: Any, worker: Any) -> None:
    die_with_parent(arbiter.pid)
    set_title("web worker")
    requests.start()


def serve(sock: socket.socket, *, ready: int | None = None) -> None:
    """Answer requests until told to stop. See `WebServer` about `ready`."""
    os.environ.pop("GUNICORN_PID", None)
    WebServer(sock, ready).run()
