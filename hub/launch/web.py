"""The web process: gunicorn's ASGI worker on the socket that `up` listens on."""

from __future__ import annotations

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
# WebSockets are here to listen: what they say (bytes a message) is not read.
MOST_SAID = 4096


class WebServer(BaseApplication):
    """gunicorn with one worker, configured here and nowhere else."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"fd://{self.sock.fileno()}",
            "worker_class": "hub.launch.connections.WebWorker",
            "websocket_max_message_size": MOST_SAID,
            "workers": 1,
            "preload_app": True,
            "graceful_timeout": GRACE,
            "control_socket_disable": True,
            "loglevel": "warning",
            "post_fork": _worker_started,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return import_string(settings.ASGI_APPLICATION)


def _worker_started(arbiter: Any, worker: Any) -> None:
    die_with_parent(arbiter.pid)
    set_title("web worker")
    requests.start()


def serve(sock: socket.socket) -> None:
    """Answer requests until told to stop."""
    os.environ.pop("GUNICORN_PID", None)
    WebServer(sock).run()
