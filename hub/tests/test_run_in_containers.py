"""Hub's own image is built, and Hub runs by its Compose file on a real Docker Engine: web, worker, watch, PostgreSQL,
Redis. Only the base images are others than the public ones, which cannot be had here: see `local_images`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import PORTS
from hub.env import ROOT
from hub.tests import local_images
from projects.tests.docker_engine import DockerEngine
from projects.tests.engines.processes_seen import until
from projects.tests.port_slice import free_port

pytestmark = pytest.mark.xdist_group("docker")

NAME = "hub-in-containers"
PARTS = ("web", "worker", "watch")
PATIENCE = 120.0


class Deployment:
    """Hub in containers, as docs/deployment.md says."""

    def __init__(self, engine: DockerEngine, projects: Path):
        self.engine, self.projects, self.port = engine, projects, free_port()
        first, last = PORTS.own
        self.environ = {
            "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **engine.variables,
            "HUB_DB_PASSWORD": "ofthedatabase", "HUB_REDIS_PASSWORD": "ofthequeue", "HUB_PROJECTS_ROOT": str(projects),
            "HUB_PORT": str(self.port), "HUB_PORT_RANGE": f"{first}-{last}", "HUB_WORKERS": "1", "HUB_NODE": "boxed",
            "HUB_IMAGE": "hub-test/hub:1", "PYTHON_IMAGE": local_images.PYTHON, "HUB_IMAGE_PACKAGES": "",
            "POSTGRES_IMAGE": local_images.POSTGRES, "REDIS_IMAGE": local_images.REDIS,
        }
        self.key = ""

    def compose(self, *words: str, check: bool = True) -> str:
        command = ["docker", "compose", "--project-name", NAME, "--env-file", "/dev/null", *words]
        done = subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=600)
        assert not check or done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    def manage(self, *words: str) -> str:
        return self.compose("exec", "-T", "web", "python", "manage.py", *words)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The answer, None while there is none or it is not a good one."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={
            "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
        if body is not None:
            request.data = json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            return None

    def logs(self) -> str:
        return self.compose("ps", "--all", check=False) + self.compose("logs", "--tail", "40", check=False)


@pytest.fixture
def deployment(docker_engine: DockerEngine) -> Iterator[Deployment]:
    # Not below pytest's own folders: no other user may enter those.
    projects = Path(tempfile.mkdtemp(prefix="hub-tests-boxed-"))
    projects.chmod(0o755)
    local_images.make_images(docker_engine)
    deployment = Deployment(docker_engine, projects)
    try:
        yield deployment
    finally:
        print(deployment.logs())
        deployment.compose("down", "--volumes", "--timeout", "3", check=False)
        shutil.rmtree(projects)


def test_hub_is_built_starts_and_runs_a_stack(deployment: Deployment) -> None:
    shop = deployment.projects / "shop"
    shop.mkdir()
    (shop / "Procfile").write_text("web: python3 -m http.server --bind 127.0.0.1 $PORT\n")
    for path in (shop, shop / "Procfile"):
        path.chmod(0o755)
    deployment.compose("build", "web")
    deployment.compose("up", "--detach", "--no-build")
    until(lambda: deployment.ask("/health/ready"), PATIENCE, "it is ready")
    until(lambda: (deployment.ask("/health") or {}).get("status") == "ok", PATIENCE, "every part of it is well")

    # A key, a project, a task: the worker starts a process, which answers on this host.
    deployment.key = deployment.manage("apikey", "create", "boxed", "--role", "operator").split()[-1]
    project = deployment.ask("/api/projects", {"name": "Shop", "path": str(shop)})
    task = deployment.ask(f"/api/orchestration/{project['id']}/start", {})["task_id"]
    ended = until(lambda: (one := deployment.ask(f"/api/tasks/{task}")) and one["finished_at"] and one, PATIENCE,
                  "the task ends")
    assert ended["state"] == "succeeded", ended
    (port,) = deployment.ask(f"/api/projects/{project['id']}")["ports"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port['port']}/Procfile", timeout=10) as answer:
        assert answer.read() == (shop / "Procfile").read_bytes()

    # Watch, in another container, sees it run.
    def seen() -> bool:
        return (deployment.ask(f"/api/orchestration/{project['id']}/status") or {}).get("status") == "running"

    until(seen, PATIENCE, "watch sees the process that the worker started")
    for part in PARTS:
        assert deployment.compose("exec", "-T", part, "python", "-m", "hub.healthy", part) == ""
        assert deployment.compose("exec", "-T", part, "id", "-u") == "1000"
    assert_is_as_the_file_says(deployment)


def assert_is_as_the_file_says(deployment: Deployment) -> None:
    client = deployment.engine.client()
    found = client.containers.list(filters={"label": f"com.docker.compose.project={NAME}"})
    by_service = {one.labels["com.docker.compose.service"]: one.attrs for one in found}
    assert set(by_service) == {"home", "postgres", "redis", *PARTS}
    for name, one in by_service.items():
        host = one["HostConfig"]
        assert not host["PortBindings"], f"{name} publishes nothing"
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert host["LogConfig"]["Config"] == {"max-file": "5", "max-size": "10m"}
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert (host["Memory"] > 0) == (name != "worker")
        assert ("Healthcheck" in one["Config"]) or name == "home"
    assert by_service["postgres"]["State"]["Health"]["Status"] == "healthy"
    assert by_service["redis"]["State"]["Health"]["Status"] == "healthy"
    client.close()
