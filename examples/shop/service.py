"""What the four services share: their ports, their log, their end."""

import os
import signal
import socket
import sys
import time

# In the order of the Procfile, by which Foreman numbers; the port is the one without Hub or Foreman.
PORTS = {"postgres": 5432, "redis": 6379, "backend": 8000, "frontend": 3000}


def port_of(name, me):
    """The port of the service `name`, as seen from the service `me`."""
    own = os.environ.get("PORT")
    if name != me and f"HUB_PORT_{name.upper()}" in os.environ:
        return int(os.environ[f"HUB_PORT_{name.upper()}"])
    if own is None:
        return PORTS[name]
    order = list(PORTS)
    return int(own) + 100 * (order.index(name) - order.index(me))


def log(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def serve(server, port):
    """Serve until SIGTERM or SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    log(f"listening on 127.0.0.1:{port}")
    try:
        server.serve_forever()
    finally:
        log("stopped")


class Line:
    """A connection that is asked one thing at a time; made anew when the other side was restarted.

    `read` takes one answer from the connection's file; `first` are requests to make on each new connection.
    """

    def __init__(self, port, read, first=()):
        self.port, self.read, self.first, self.file = port, read, first, None

    def ask(self, request):
        """Send the bytes `request` and return the answer; OSError when the other side does not answer."""
        if self.file is not None:
            try:
                return self._ask(request)
            except OSError:
                self.file = None
        self.file = socket.create_connection(("127.0.0.1", self.port), timeout=2).makefile("rwb")
        try:
            for greeting in self.first:
                self._ask(greeting)
            return self._ask(request)
        except OSError:
            self.file = None
            raise

    def _ask(self, request):
        self.file.write(request)
        self.file.flush()
        return self.read(self.file)
