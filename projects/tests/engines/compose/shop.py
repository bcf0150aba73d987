"""A Compose project on the level of tasks, whose start has every stage there is."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from projects.tests.docker_engine import DockerEngine
from projects.tests.registry import Registry

# `job` is pulled, `web` is built; it serves after `job`.
COMPOSE = """
services:
  web:
    build: .
    init: true
    depends_on: {{job: {{condition: service_completed_successfully}}}}
    ports: ["8000"]
    command: [sh, -c, "mkdir -p /www && exec httpd -f -p 8000 -h /www"]
  job:
    image: {image}
    command: [echo, job done]
    labels: {{hub.kind: one-shot}}
"""


class ComposeShop:
    """See `starts.Shop`."""

    engine, kinds = "compose", {"check", "pull", "build", "create", "ready"}
    base = "FROM hub-test/busybox:1\n"

    def __init__(self, docker: DockerEngine, registry: Registry):
        self.client = docker.client()
        self.image = registry.image("team/job:1", weight=100_000)
        self.environ: dict[str, str] = {}

    def write(self, folder: Path) -> None:
        (folder / "compose.yaml").write_text(COMPOSE.format(image=self.image))
        (folder / "Dockerfile").write_text(f"{self.base}RUN echo {secrets.token_hex(8)} > /made\n")

    def alive(self, slug: str) -> list[str]:
        return [one.labels["com.docker.compose.service"] for one in self._containers(slug)]

    def left(self, slug: str) -> list[str]:
        return [
            *(f"container {one.name}" for one in self._containers(slug)),
            *(f"network {one.name}" for one in self.client.networks.list(filters={"label": f"hub.project={slug}"})),
            *(f"command {pid}" for pid in commands_on(slug)),
        ]

    def close(self) -> None:
        self.client.images.remove(self.image, force=True)
        self.client.close()

    def _containers(self, slug: str) -> list[Any]:
        return self.client.containers.list(all=True, filters={"label": f"hub.project={slug}"}, ignore_removed=True)


def commands_on(slug: str) -> list[int]:
    """Processes of Compose that work on the stack."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"hub-{slug}".encode() in words:
                found.append(int(name))
    return found
