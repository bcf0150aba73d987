"""The services of a Compose stack, from its content to plain `ServiceSpec`s.

A service may say how Hub shall treat it, by labels: `hub.kind` (`service` or `one-shot`), `hub.ready` (`port`, a path
such as `/health`, or `started`) and `hub.ready.timeout` (seconds).
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from projects.stacks.compose.durations import seconds
from projects.stacks.compose.published import BadPort, ports_of
from projects.stacks.spec import Port, Readiness, RestartPolicy, ServiceSpec

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
MAX_REPLICAS = 100
_RESTART: dict[str, RestartPolicy] = {"always": "always", "unless-stopped": "always", "any": "always",
                                      "on-failure": "on-failure"}


class BadService(ValueError):
    """Something of a service that cannot be read: `place` within the file, and what is wrong as message."""

    def __init__(self, message: str, *place: str):
        super().__init__(message)
        self.place = place


def services_of(content: dict[str, Any], line_of: Callable[..., int | None]) -> Iterator[ServiceSpec]:
    """A spec for each service that runs at least once. `line_of("services", name)` says where it stands."""
    services: dict[str, dict[str, Any]] = content.get("services") or {}
    awaited = {
        name for service in services.values() for name, condition in _dependencies(service).items()
        if condition == "service_completed_successfully"
    }
    for name, service in services.items():
        instances = _instances(name, service)
        if instances:
            yield _spec(name, service, instances, name in awaited, services, line_of)


def _spec(name: str, service: dict[str, Any], instances: int, awaited: bool, services: dict[str, Any],
          line_of: Callable[..., int | None]) -> ServiceSpec:
    labels = labels_of(service)
    try:
        # In the host's own network nothing is published, and nothing can be leased.
        published = None if service.get("network_mode") == "host" else service.get("ports")
        ports = ports_of(published, row=instances > 1)
    except BadPort as error:
        raise BadService(f"{name}: {error}", "services", name, "ports") from None
    one_shot = awaited if "hub.kind" not in labels else labels["hub.kind"] == "one-shot"
    return ServiceSpec(
        name=name, command=_command(service), kind="one-shot" if one_shot else "service", ports=ports,
        depends_on=tuple(other for other in _dependencies(service) if other in services), instances=instances,
        restart=_restart(service), ready=_ready(service, labels, ports),
        stop_signal=str(service.get("stop_signal") or "SIGTERM"),
        stop_grace=seconds(service.get("stop_grace_period"), STOP_SECONDS), line=line_of("services", name),
    )


def labels_of(service: dict[str, Any]) -> dict[str, str]:
    """The labels of a service, be they written as a list or as a mapping."""
    return mapping_of(service.get("labels"))


def mapping_of(entries: Any) -> dict[str, str]:
    """`["A=1"]` and `{"A": 1}` alike as `{"A": "1"}`; what has no value is left out."""
    if isinstance(entries, list):
        pairs = (str(entry).partition("=") for entry in entries)
        return {name: value for name, sign, value in pairs if sign}
    if isinstance(entries, dict):
        return {str(name): str(value) for name, value in entries.items() if value is not None}
    return {}


def _dependencies(service: dict[str, Any]) -> dict[str, str]:
    entries = service.get("depends_on") or {}
    if isinstance(entries, list):
        return {str(name): "service_started" for name in entries}
    return {str(name): str((entry or {}).get("condition", "service_started")) for name, entry in entries.items()}


def _instances(name: str, service: dict[str, Any]) -> int:
    deploy = service.get("deploy") or {}
    number = service.get("scale", deploy.get("replicas", 1))
    try:
        count = int(number)
    except (TypeError, ValueError):
        raise BadService(f"{name}: {str(number)[:40]} is no number of replicas", "services", name) from None
    if not 0 <= count <= MAX_REPLICAS:
        raise BadService(f"{name}: {count} replicas; {MAX_REPLICAS} are the most", "services", name)
    return count


def _command(service: dict[str, Any]) -> str:
    """What is shown of it: its command, else its image, else what it is built from."""
    command = service.get("command") or service.get("entrypoint")
    if isinstance(command, list):
        return shlex.join(str(word) for word in command)
    if command:
        return str(command)
    build = service.get("build")
    context = build.get("context", ".") if isinstance(build, dict) else build
    return str(service.get("image") or (f"build {context}" if build else ""))


def _restart(service: dict[str, Any]) -> RestartPolicy:
    word = service.get("restart")
    if word is None:
        word = ((service.get("deploy") or {}).get("restart_policy") or {}).get("condition", "no")
    return _RESTART.get(str(word).partition(":")[0], "no")


def _ready(service: dict[str, Any], labels: dict[str, str], ports: tuple[Port, ...]) -> Readiness:
    try:
        timeout = float(labels.get("hub.ready.timeout", READY_SECONDS))
    except ValueError:
        timeout = READY_SECONDS
    timeout = timeout if math.isfinite(timeout) and timeout > 0 else READY_SECONDS
    wish = labels.get("hub.ready", "")
    if wish.startswith("/"):
        return Readiness("http", path=wish, timeout=timeout)
    has_tcp = any(port.protocol == "tcp" for port in ports)
    if wish == "started" or not has_tcp:
        return Readiness("up", timeout=timeout)
    health = service.get("healthcheck") or {}
    if wish != "port" and health and not health.get("disable"):
        return Readiness("up", timeout=timeout)
    return Readiness("tcp", timeout=timeout)
