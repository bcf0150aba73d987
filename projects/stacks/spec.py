"""Plain descriptions of what a folder runs. No Django, no engine: parsers make them, engines read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["service", "one-shot"]
RestartPolicy = Literal["on-failure", "always", "no"]


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a service listens on.

    `container_port` is the number its own definition names (the stable name of the port);
    the host port that it really gets is a lease, and is in `Stack.host_ports`. `named`: the number stands in the
    definition's files, and was not counted out in its place; two ports are the same whatever it says. `row`: the
    leases of all instances must be neighbours, because the engine can only ask for a range.
    """

    container_port: int
    protocol: Literal["tcp", "udp"] = "tcp"
    named: bool = field(default=True, compare=False)
    row: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Readiness:
    """How to see that a service is ready.

    `tcp`: its first port accepts a connection; `http`: GET `path` on its first port answers below 500;
    `up`: it has stayed up for `stay_up` seconds (what is left for a service that declares no port).
    A one-shot service is ready when it exits with 0, whatever stands here.
    """

    kind: Literal["tcp", "http", "up"] = "up"
    path: str = "/"
    stay_up: float = 1.0
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service of a stack, as its definition states it. `line` is the line in the definition file."""

    name: str
    command: str
    kind: Kind = "service"
    ports: tuple[Port, ...] = ()
    depends_on: tuple[str, ...] = ()
    instances: int = 1
    restart: RestartPolicy = "on-failure"
    ready: Readiness = Readiness()
    stop_signal: str = "SIGTERM"
    stop_grace: float = 5.0
    line: int | None = None

    def instance_names(self) -> list[str]:
        """`["web"]` for one instance, `["web.1", "web.2"]` for several: the names of its processes and logs."""
        if self.instances == 1:
            return [self.name]
        return [f"{self.name}.{number}" for number in range(1, self.instances + 1)]


@dataclass(frozen=True, slots=True)
class Definition:
    """What a folder says it runs: the result of reading a Procfile (+ .env) or a Compose file.

    `env` is what the definition itself sets (its `.env`). `document` is all that a Compose stack runs, as Compose
    resolved it (see `projects.stacks.compose.resolved`), empty where Compose could not be asked; it may hold secrets.
    `unset` are variables that the files use, but nothing sets. `inputs`: a mark by service of the files that its image
    is built from, where an engine was asked for them.
    """

    engine: Literal["process", "compose", "dagger"]
    path: Path
    source: Path
    services: tuple[ServiceSpec, ...]
    env: dict[str, str] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def builds(self) -> tuple[str, ...]:
        """The services of a Compose stack whose images are built from the folder, as far as Compose could be asked."""
        services = self.document.get("services") or {}
        return tuple(name for name, service in services.items() if service.get("build"))

    def service(self, name: str) -> ServiceSpec:
        """The service of that name; KeyError when there is none."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything an engine needs to run one project: a definition, bound to ports, variables and a place.

    - `slug`: unique among the projects of this Hub, `[a-z0-9-]{1,48}`; `hub_id` names the Hub.
    - `env`: the stack's own variables: the definition's, then the project's over them. Ports are not in it.
    - `host_ports`: `(service, instance number from 1, container_port) -> leased host port`.
    - `udp_ports`: the same for UDP. A UDP port is in `host_ports` as well, unless the TCP port of its number is.
    - `run_dir`: a private folder (0700) of this stack in Hub's data folder; engines keep logs and state there.
    - `revision`: number of this start's revision.
    - `images`: `service -> image` to run instead of the service's own image or build (a kept revision's digest, a build
      elsewhere): nothing is built or pulled in its place.
    - `keeps`: digests of images that kept revisions ran: they stay, so that a start can go back to them.
    - `adopted`: the name of the Compose project that ran before Hub knew it, and that it keeps; empty for all others.
    """

    hub_id: str
    slug: str
    definition: Definition
    run_dir: Path
    env: dict[str, str] = field(default_factory=dict)
    host_ports: dict[tuple[str, int, int], int] = field(default_factory=dict)
    revision: int = 0
    udp_ports: dict[tuple[str, int, int], int] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    keeps: frozenset[str] = frozenset()
    adopted: str = ""

    def host_port(self, service: str, instance: int, port: Port) -> int | None:
        """The leased host port of a service's port, for its instance of that number; None when it has none."""
        key = (service, instance, port.container_port)
        return self.udp_ports.get(key, self.host_ports.get(key)) if port.protocol == "udp" else self.host_ports.get(key)

    @property
    def path(self) -> Path:
        return self.definition.path

    @property
    def services(self) -> tuple[ServiceSpec, ...]:
        return self.definition.services


class StackError(Exception):
    """A folder or file that cannot be read as a stack.

    `message` is one sentence for the user, which names file and line where there are any; `file` and `line` say the
    same for programs; `hint` what to do. `code` tells apart what callers handle differently: `invalid` (the file's
    content), `unreadable`, `missing`, `not-a-folder`, `outside` (of the folder that may be shown), `bad-path`,
    `nothing-found`, `ambiguous` (several definitions: ask which), `unsupported`.
    """

    def __init__(self, message: str, *, file: Path | None = None, line: int | None = None, hint: str = "",
                 code: str = "invalid"):
        super().__init__(message)
        self.message, self.file, self.line, self.hint, self.code = message, file, line, hint, code
