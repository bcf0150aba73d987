"""Makes real Compose stacks of busybox for the compose engine, and takes them down again."""

from __future__ import annotations

import random
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from projects.engines.base import EngineError, ServiceStatus, Step
from projects.engines.compose.engine import ComposeEngine
from projects.engines.host_ports import is_free
from projects.stacks import detect
from projects.stacks.spec import Definition, Stack
from projects.tests.docker_engine import BUSYBOX, DockerEngine
from projects.tests.engines.processes_seen import kill

# The variable gives the service some megabytes, so that there is memory to measure.
SERVE = "mkdir -p /www && echo {text} > /www/index.html && x=$$(yes | head -c 4000000) && httpd -f -p {port} -h /www"
# Every kind of service the conformance suite speaks of, by its name; `broken` stands on line 5 of its file.
KINDS: dict[str, dict[str, Any]] = {
    "web": {
        "ports": ["8000:8000"], "restart": "always", "text": 8000,
        "healthcheck": {"test": ["CMD", "wget", "-q", "-O", "-", "http://127.0.0.1:8000/"], "interval": "0.5s"},
    },
    "api": {"ports": ["9000"], "text": 9000},
    "job": {"command": ["echo", "job done"], "labels": {"hub.kind": "one-shot"}},
    "worker": {"command": ["sh", "-c", "n=0; while true; do n=$$((n+1)); echo beat $$n; sleep 0.1; done"]},
    "broken": {"command": ["sh", "-c", "echo cannot go on; exit 3"]},
    "mute": {"ports": ["7000"], "command": ["sh", "-c", "echo thinking; sleep 600"],
             "labels": {"hub.ready.timeout": "1"}},
}


class ComposeKit:
    """See `conformance.Kit`."""

    def __init__(self, folder: Path, docker: DockerEngine):
        self.folder, self.docker, self.engine = folder, docker, ComposeEngine()
        self.client = docker.client()
        self.stacks: list[Stack] = []
        self._ports: set[int] = set()

    # Stacks

    def stack(self, *kinds: str) -> Stack:
        path = self._folder()
        services = {kind: self._service(kind, path) for kind in kinds}
        lines = ["services:"]
        for name, service in services.items():
            if name == "broken":
                lines += [""] * (4 - len(lines))
            lines.append(f"  {name}: {yaml.safe_dump(service, default_flow_style=True, width=10_000).strip()}")
        return self.stack_of("\n".join(lines) + "\n", path=path)

    def stack_of(self, text: str, *, path: Path | None = None, env: dict[str, str] | None = None,
                 files: dict[str, str] | None = None, slug: str = "", revision: int = 1) -> Stack:
        """A stack of this Compose file, in a folder of its own, with leased ports."""
        path = path or self._folder()
        for name, content in {"compose.yaml": text, **(files or {})}.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(content)
        return self.read(path, env=env, slug=slug, revision=revision)

    def read(self, path: Path, *, env: dict[str, str] | None = None, slug: str = "", revision: int = 1) -> Stack:
        """The stack that the folder holds now."""
        slug = slug or f"s{len(self.stacks)}-{secrets.token_hex(3)}"
        definition = self.definition(path, env)
        tcp: dict[tuple[str, int, int], int] = {}
        udp: dict[tuple[str, int, int], int] = {}
        for service in definition.services:
            for port in service.ports:
                row = self.row(service.instances)
                for number in range(1, service.instances + 1):
                    key = (service.name, number, port.container_port)
                    (udp if port.protocol == "udp" else tcp)[key] = row[number - 1]
        variables = {**definition.env, **(env or {})}
        stack = Stack("test-hub", slug, definition, self.folder / "run" / slug, env=variables,
                      host_ports={**udp, **tcp}, udp_ports=udp, revision=revision)
        self.stacks.append(stack)
        return stack

    def definition(self, path: Path, env: dict[str, str] | None) -> Definition:
        return detect.read(path, "compose", env)

    def row(self, count: int) -> list[int]:
        """Free ports that are neighbours, below those the kernel gives to outgoing connections."""
        while True:
            first = random.randint(15000, 30000)
            row = list(range(first, first + count))
            if not self._ports & set(row) and all(is_free(port) for port in row):
                self._ports.update(row)
                return row

    def _folder(self) -> Path:
        path = self.folder / f"p{secrets.token_hex(4)}"
        path.mkdir()
        return path

    def _service(self, kind: str, path: Path) -> dict[str, Any]:
        service = dict(KINDS[kind])
        if port := service.pop("text", None):
            service["command"] = ["sh", "-c", SERVE.format(text=path, port=port)]
        return {"image": BUSYBOX, "init": True, **service}

    # What is done to them

    def up(self, stack: Stack) -> list[Step]:
        return list(self.engine.up(stack))

    def down(self, stack: Stack) -> list[Step]:
        return list(self.engine.down(stack))

    def state(self, stack: Stack, service: str) -> ServiceStatus:
        return next(one for one in self.engine.status(stack).services if one.name == service)

    # What is seen and done without the engine

    def containers(self, stack: Stack, service: str = "") -> list[Any]:
        labels = [f"com.docker.compose.project=hub-{stack.slug}"]
        if service:
            labels.append(f"com.docker.compose.service={service}")
        return self.client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)

    def container(self, stack: Stack, service: str) -> Any:
        (found,) = self.containers(stack, service)
        return found

    def run_in(self, stack: Stack, service: str, command: str) -> str:
        """What a shell command in the service's container says."""
        code, said = self.container(stack, service).exec_run(["sh", "-c", command])
        assert code == 0, said.decode()
        return said.decode().strip()

    def docker_command(self, *words: str) -> str:
        return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout

    def kill_service(self, stack: Stack, service: str) -> None:
        """The whole container dies, as when the kernel kills it: its first process is killed, not by Docker."""
        kill(self.container(stack, service).attrs["State"]["Pid"])

    def alive(self, stack: Stack) -> list[str]:
        return [one.name for one in self.containers(stack)]

    def left(self, stack: Stack) -> list[str]:
        """Containers, networks and volumes of the stack."""
        label = {"label": f"com.docker.compose.project=hub-{stack.slug}"}
        return [
            *self.alive(stack), *(one.name for one in self.client.networks.list(filters=label)),
            *(one.name for one in self.client.volumes.list(filters=label)),
        ]

    def close(self) -> Iterator[str]:
        """Take everything down, by force where it has to be; says what had to be forced."""
        for stack in {stack.slug: stack for stack in self.stacks}.values():
            try:
                self.down(stack)
            except EngineError as error:
                yield f"{stack.slug}: {error.message}"
            for container in self.containers(stack):
                yield f"{stack.slug}: left behind {container.name}"
                container.remove(force=True)
            label = {"label": f"com.docker.compose.project=hub-{stack.slug}"}
            for volume in self.client.volumes.list(filters=label):
                volume.remove(force=True)
        self.client.close()
