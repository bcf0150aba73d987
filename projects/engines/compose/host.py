"""A Docker host: where it is, and one connection to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import requests
import urllib3
from docker.context import ContextAPI
from docker.tls import TLSConfig

from projects.engines.base import EngineError
from projects.engines.compose.ssh import KeptSsh
from projects.stacks.spec import Stack

SECONDS = 15
"""How long a host may take to answer a question."""

CONNECTIONS = 16
# What stands in the place of an address where none is needed.
BY_SSH = "tcp://localhost:2375"
CERTIFICATES = ("Set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to a folder with ca.pem, cert.pem and key.pem that go "
                "with that host.")
DEFAULT = "unix:///var/run/docker.sock"
AWAY = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)


class Unreachable(EngineError):
    """The Docker host cannot be asked. `why` is `permission`, `down`, `tls` or `address`."""

    def __init__(self, message: str, why: str, hint: str):
        super().__init__(message, hint)
        self.why, self.hint = why, hint


def address_of(variables: Mapping[str, str]) -> str:
    """Where the Docker host of a stack is: DOCKER_HOST of the project, else the Docker context that its DOCKER_CONTEXT
    names, else the same of the environment Hub runs in, else this machine's."""
    for source in (variables, os.environ):
        if source.get("DOCKER_HOST"):
            return source["DOCKER_HOST"]
        if source.get("DOCKER_CONTEXT"):
            return _context(source["DOCKER_CONTEXT"])
    return _context(None)


def _context(name: str | None) -> str:
    try:
        context = ContextAPI.get_context(name) if name else ContextAPI.get_current_context()
    except docker.errors.DockerException as error:
        raise Unreachable(f"The Docker context {name} cannot be read: {error}.", "address",
                          "Run docker context ls to see which there are.") from None
    if context is None:
        if name:
            raise Unreachable(f"There is no Docker context {name}.", "address", "Change DOCKER_CONTEXT.")
        return DEFAULT
    return context.Host or DEFAULT


class _Client(docker.APIClient):
    """A client that trusts the authority it was given, also where the environment (REQUESTS_CA_BUNDLE) names others,
    and that keeps its connections by ssh."""

    def __init__(self, address: str, tls: TLSConfig | None):
        self._ssh = KeptSsh(address, SECONDS, CONNECTIONS) if address.startswith("ssh://") else None
        super().__init__(base_url=BY_SSH if self._ssh else address, version="auto", timeout=SECONDS, tls=tls or False,
                         max_pool_size=CONNECTIONS)

    def get_adapter(self, url: str) -> Any:
        return self._ssh or super().get_adapter(url)

    def close(self) -> None:
        super().close()
        if self._ssh:
            self._ssh.close()

    def merge_environment_settings(self, *given: Any, **named: Any) -> dict[str, Any]:
        return {**super().merge_environment_settings(*given, **named), "verify": self.verify}


class Hosts:
    """One client for each Docker host that stacks are on. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[tuple[int, str, str], docker.APIClient] = {}

    def client(self, stack: Stack) -> docker.APIClient:
        """The client for a stack's host. `Unreachable` when it does not answer."""
        address = address_of(stack.env)
        certificates = stack.env.get("DOCKER_CERT_PATH") or os.environ.get("DOCKER_CERT_PATH") or ""
        verify = stack.env.get("DOCKER_TLS_VERIFY") or os.environ.get("DOCKER_TLS_VERIFY") or ""
        # A connection must not be shared with the process that this one was forked from.
        key = (os.getpid(), address, certificates if verify else "")
        with self._lock:
            known = self._clients.get(key)
        if known is not None:
            return known
        client = _connect(address, certificates if verify else "")
        with self._lock:
            return self._clients.setdefault(key, client)

    def forget(self, stack: Stack) -> None:
        """Connect anew at the next question."""
        address = address_of(stack.env)
        with self._lock:
            self._clients = {key: client for key, client in self._clients.items() if key[1] != address}


def is_local(stack: Stack) -> bool:
    """Whether the stack's containers run on this machine, so that its ports can be reached and its folders mounted."""
    return address_of(stack.env).startswith("unix://")


def unreachable(stack: Stack, error: BaseException) -> Unreachable:
    """What to tell of a host that did not answer."""
    return _unreachable(address_of(stack.env), error)


def _connect(address: str, certificates: str) -> docker.APIClient:
    try:
        tls = None
        if certificates:
            folder = Path(certificates)
            tls = TLSConfig(client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
                            ca_cert=str(folder / "ca.pem"), verify=True)
        return _Client(address, tls)
    except docker.errors.TLSParameterError as error:
        said = str(error).partition(" TLS configurations")[0].rstrip(".")
        raise Unreachable(f"The certificates for Docker at {address} cannot be read: {said}.", "tls",
                          CERTIFICATES) from None
    except (docker.errors.DockerException, *AWAY) as error:
        raise _unreachable(address, error) from None


def _is_forbidden(socket: Path) -> bool:
    """Whether it is this user's rights that keep it from the socket; its folder may already be closed to it."""
    try:
        return socket.exists() and not os.access(socket, os.R_OK | os.W_OK)
    except PermissionError:
        return True


def _unreachable(address: str, error: BaseException) -> Unreachable:
    if address.startswith("unix://") and _is_forbidden(Path(address.removeprefix("unix://"))):
        return Unreachable(f"The user that runs Hub may not use Docker at {address}.", "permission",
                           "Add that user to the group docker, and start Hub again.")
    where = "" if address == DEFAULT else f" at {address}"
    hint = "Start it (systemctl start docker), then start the project again." if address.startswith("unix://") else \
        "See that the machine is up and that DOCKER_HOST is right."
    said = str(error)
    if "SSL" in said or "HTTPS server" in said or "certificate" in said:
        return Unreachable(f"Docker{where} and Hub do not trust each other: {said.splitlines()[0][:200]}.", "tls",
                           CERTIFICATES)
    message = f"Docker does not answer{where}."
    if not address.startswith("unix://"):
        message = f"Docker does not answer{where}: {said.splitlines()[0][:200]}."
    return Unreachable(message, "down", hint)
