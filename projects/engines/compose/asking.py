"""Asking the Docker host of a stack: one client and one observer for each host, and what a failure means."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import docker

from projects.engines.base import EngineError, StackStatus
from projects.engines.compose.containers import Look, Observer
from projects.engines.compose.host import AWAY, Hosts, Unreachable, unreachable
from projects.engines.compose.logs import Logs
from projects.engines.compose.observe import View
from projects.engines.compose.rundir import RunDir
from projects.stacks.spec import Stack


class Asker:
    """What an engine uses to reach the Docker hosts of its stacks. Safe to use from several threads."""

    def __init__(self) -> None:
        self.hosts = Hosts()
        self._lock = threading.Lock()
        self._observers: dict[docker.APIClient, Observer] = {}

    @contextlib.contextmanager
    def asking(self, stack: Stack) -> Iterator[docker.APIClient]:
        """The client of the stack's host; what fails in between is told as an EngineError."""
        client = self.hosts.client(stack)
        try:
            try:
                yield client
            except Unreachable:
                raise
            except EngineError:
                # A command of Compose has failed: where its host went away meanwhile, that is the cause to tell.
                client.ping()
                raise
        except docker.errors.APIError as error:
            raise EngineError(f"Docker refused: {str(error.explanation or error).rstrip('.')}.") from error
        except AWAY as error:
            if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
                raise
            raise unreachable(stack, error) from error

    def observer(self, stack: Stack) -> Observer:
        """Who looks at the stack's host. `Unreachable` when that does not answer."""
        client = self.hosts.client(stack)
        with self._lock:
            return self._observers.setdefault(client, Observer(client))

    def look(self, stack: Stack, *, fresh: bool = False) -> Look:
        """What the stack's host runs now; `fresh`: not what was seen a moment ago."""
        with self.asking(stack):
            return self.observer(stack).look(fresh=fresh)

    def seen(self, stack: Stack, rundir: RunDir) -> StackStatus:
        """What is seen of a stack that was started, or is to be. The last lines of what failed are asked for too, and
        Docker may go away in between."""
        with self.asking(stack) as client:
            return View(stack, rundir.record(), self.look(stack), Logs(client, rundir).last_lines).status()

    def root(self, stack: Stack) -> str:
        """The folder in which the host keeps its data."""
        with self.asking(stack) as client:
            return str(client.info()["DockerRootDir"])
