"""The address that Hub listens on."""

from __future__ import annotations

import errno
import os
import socket

from hub.launch.errors import LaunchError
from projects.engines.host_ports import holder

BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, made by `up` itself and handed to the web process: a restarted web process finds its
    visitors waiting instead of refused. Raises LaunchError, naming the port and, where it can, who holds it.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError:
        raise LaunchError(f"HUB_HOST is {host!r}, which is no address of this machine.") from None
    try:
        # A port whose last connections still linger (TIME_WAIT) is free; one that somebody listens on is not.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise LaunchError(_refusal(host, port, error)) from None
    return sock


def address(host: str, port: int) -> str:
    """The address to open in a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        by = f" by {who}" if (who := holder(port)) else ""
        return f"port {port} is taken{by}. Stop what listens there, or choose another: HUB_PORT={_next(port)} bin/up"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user. Choose one above 1023: HUB_PORT=9000 bin/up"
    return f"port {port} on {host} cannot be used: {os.strerror(error.errno or 0)}. Check HUB_HOST and HUB_PORT."


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 9000
