"""Whether something listens behind a published port."""

from __future__ import annotations

import http.client
import socket

CONNECT_SECONDS = 1.0
QUIET_SECONDS = 0.15


def answers(port: int) -> bool:
    """Whether a service takes connections on this host port.

    Docker itself accepts them, and closes them again when nobody listens in the container: so a connection must stay.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as connection:
            connection.settimeout(QUIET_SECONDS)
            return connection.recv(1) != b""
    except TimeoutError:
        return True  # it is open, and waits for us to speak
    except OSError:
        return False


def serves(port: int, path: str) -> bool:
    """Whether GET `path` on this host port is answered with less than 500."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CONNECT_SECONDS * 3)
    try:
        connection.request("GET", path, headers={"Host": f"127.0.0.1:{port}"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
