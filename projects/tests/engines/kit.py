"""Makes real stacks of tiny programs for the process engine, and takes them down again."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from projects.engines.base import EngineError, Step
from projects.engines.process.engine import ProcessEngine
from projects.stacks.spec import Definition, Port, Readiness, ServiceSpec, Stack
from projects.tests.engines.processes_seen import kill, mains_of, processes_of, supervisors_of
from projects.tests.port_slice import free_port

PYTHON = f"{Path(sys.executable).resolve()} -S -E -B"

WEB = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = f"{os.environ['HUB_STACK']} {os.getcwd()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
print("listening on", os.environ["PORT"])
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
PROGRAMS = {"web.py": WEB}

# Every kind of service the conformance suite speaks of, by its name.
KINDS = {
    "web": ServiceSpec("web", f"{PYTHON} web.py", ports=(Port(8000),), ready=Readiness("http", timeout=20), line=1),
    "api": ServiceSpec("api", f"{PYTHON} web.py", ports=(Port(9000),), ready=Readiness("tcp", timeout=20), line=2),
    "job": ServiceSpec("job", "echo job done", kind="one-shot", line=3),
    "worker": ServiceSpec(
        "worker", "n=0; while true; do n=$((n+1)); echo beat $n; sleep 0.1; done", ready=Readiness(stay_up=0.2), line=4
    ),
    "broken": ServiceSpec("broken", "echo cannot go on; exit 3", line=5),
    "mute": ServiceSpec(
        "mute", "echo thinking; sleep 600", ports=(Port(7000),), ready=Readiness("tcp", timeout=1), line=6
    ),
}


class ProcessKit:
    """See `conformance.Kit`."""

    def __init__(self, folder: Path):
        self.folder, self.engine = folder, ProcessEngine()
        self.stacks: list[Stack] = []

    # Stacks

    def stack(self, *kinds: str) -> Stack:
        return self.stack_of(*(KINDS[kind] for kind in kinds))

    def stack_of(self, *services: ServiceSpec, env: dict[str, str] | None = None, path: Path | None = None) -> Stack:
        """A stack of these services, in a folder of its own, with leased ports."""
        slug = f"s{len(self.stacks)}-{secrets.token_hex(3)}"
        if path is None:
            path = self.folder / slug
            path.mkdir()
            for name, text in PROGRAMS.items():
                (path / name).write_text(text)
        ports = {
            (service.name, number, port.container_port): free_port()
            for service in services
            for number in range(1, service.instances + 1)
            for port in service.ports
        }
        definition = Definition("process", path, path / "Procfile", services)
        stack = Stack("test-hub", slug, definition, self.folder / "run" / slug, env=env or {}, host_ports=ports)
        self.stacks.append(stack)
        return stack

    def changed(self, stack: Stack, **fields) -> Stack:
        """The same stack, described differently."""
        services = fields.pop("services", stack.services)
        definition = replace(stack.definition, services=tuple(services))
        return replace(stack, definition=definition, **fields)

    def write(self, stack: Stack, name: str, text: str) -> None:
        (stack.path / name).write_text(text)

    # What is done to them

    def up(self, stack: Stack) -> list[Step]:
        return list(self.engine.up(stack))

    def down(self, stack: Stack) -> list[Step]:
        return list(self.engine.down(stack))

    def state(self, stack: Stack, service: str):
        return next(one for one in self.engine.status(stack).services if one.name == service)

    def kill_service(self, stack: Stack, service: str) -> None:
        for pid in mains_of(stack, service):
            kill(pid)

    def kill_supervisor(self, stack: Stack) -> None:
        for pid in supervisors_of(stack):
            kill(pid)

    def alive(self, stack: Stack) -> list[int]:
        return processes_of(stack) + supervisors_of(stack)

    def close(self) -> Iterator[str]:
        """Take everything down, by force where it has to be; says what had to be forced."""
        for stack in self.stacks:
            try:
                self.down(stack)
            except EngineError as error:
                yield f"{stack.slug}: {error.message}"
            left = self.alive(stack)
            if left:
                yield f"{stack.slug}: left behind {left}"
                for pid in left:
                    kill(pid)
