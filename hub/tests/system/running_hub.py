"""A whole Hub as a user has it: `manage.py up` on a data folder and a port of its own, spoken to over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).resolve().parents[3]
CLEAN = ("HUB_", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")


@dataclass
class Answer:
    """What the API answered: status, decoded JSON (or text), and seconds it took."""

    status: int
    body: Any
    seconds: float


@dataclass
class RunningHub:
    """A Hub with everything that belongs to it."""

    data: Path
    root: Path
    port: int
    port_range: tuple[int, int]
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None
    key: str = ""

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
        low, high = self.port_range
        return {**kept, "HUB_DATA": str(self.data), "HUB_PORT": str(self.port), "HUB_PROJECTS_ROOT": str(self.root),
                "HUB_PORT_RANGE": f"{low}-{high}", "PYTHONUNBUFFERED": "1",
                "HUB_RATE_HOUR": "1000000", "HUB_RATE_BURST": "100000", **self.extra}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Start it, and wait until it is ready."""
        with (self.data / "up.out").open("ab") as out:
            self.process = subprocess.Popen([sys.executable, "manage.py", "up"], cwd=REPOSITORY, env=self.environ,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.until(self._is_ready, 120, "Hub does not get ready")
        if not self.key:
            self.key = self.manage("apikey", "create", "system-test", "--role", "admin").split()[-1]

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"Hub has ended:\n{self.said()}"
        return self.get("/health/ready").status == 200

    def down(self) -> None:
        """Stop it as Ctrl-C does."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def manage(self, *arguments: str, code: int = 0) -> str:
        """What a management command on this Hub prints, which must end with this exit code."""
        answer = subprocess.run([sys.executable, "manage.py", *arguments], cwd=REPOSITORY, env=self.environ,
                                capture_output=True, text=True, timeout=90, check=False)
        assert answer.returncode == code, answer.stdout + answer.stderr
        return answer.stdout if code == 0 else answer.stdout + answer.stderr

    def said(self) -> str:
        """Everything that it printed."""
        return (self.data / "up.out").read_text()

    def children(self) -> dict[str, int]:
        """Its processes by name, as `up` itself writes them down."""
        return json.loads((self.data / "hub.lock").read_text())["children"]

    def kill(self, name: str) -> int:
        """kill -9 of one child of `up`."""
        pid = self.children()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One request with the key; status 0 when nobody answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method, headers={
            "Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(headers or {})})
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        except OSError as error:
            status, text = 0, str(error)
        seconds = time.monotonic() - began
        try:
            return Answer(status, json.loads(text), seconds)
        except ValueError:
            return Answer(status, text, seconds)

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.call("POST", path, {} if body is None else body)

    def until(self, condition: Callable[[], Any], seconds: float, what: str = "") -> Any:
        """Poll until the condition holds; fails with what Hub printed last."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{what or 'not true'} within {seconds} s; last: {value!r}\n{self.said()[-3000:]}")
            time.sleep(0.05)

    # Projects

    def add(self, name: str, folder: str | Path, **more: Any) -> int:
        """Register a project; its id."""
        answer = self.post("/api/projects", {"name": name, "path": str(folder), **more})
        assert answer.status == 201, answer
        return answer.body["id"]

    def ask(self, project: int, action: str) -> str:
        """Start, stop or restart; the task's id."""
        answer = self.post(f"/api/orchestration/{project}/{action}")
        assert answer.status == 202, answer
        return answer.body["task_id"]

    def ended(self, task: str, seconds: float = 60) -> dict[str, Any]:
        """The task, once it has ended."""
        def look() -> Any:
            answer = self.get(f"/api/tasks/{task}")
            return answer.body if answer.status == 200 and answer.body["finished_at"] else None

        return self.until(look, seconds, f"task {task} has not ended")

    def status(self, project: int) -> dict[str, Any]:
        answer = self.get(f"/api/orchestration/{project}/status")
        assert answer.status == 200, answer
        return answer.body

    def start(self, project: int, seconds: float = 60) -> dict[str, Any]:
        """Start and wait; the task must succeed."""
        task = self.ended(self.ask(project, "start"), seconds)
        assert task["state"] == "succeeded", task
        return task

    def ports(self, project: int) -> dict[str, int]:
        return {port["service"]: port["port"] for port in self.get(f"/api/projects/{project}").body["ports"]}


def processes_of(data: Path) -> list[psutil.Process]:
    """Every process that belongs to a stack of this Hub: its supervisors, and all that carry its mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(data) in word for word in process.cmdline()) or \
                    process.environ().get("HUB_STACK_DATA", "").startswith(str(data)):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def services_of(data: Path, slug: str) -> dict[str, list[int]]:
    """The pids of one stack's services by instance, found by looking at every process: the leaders of each copy."""
    found: dict[str, list[int]] = {}
    for process in psutil.process_iter():
        try:
            environ = process.environ()
            if environ.get("HUB_STACK_DATA") != str(data / "stacks" / slug / "data"):
                continue
            if process.status() != psutil.STATUS_ZOMBIE and os.getsid(process.pid) == process.pid:
                found.setdefault(environ.get("HUB_SERVICE", "?"), []).append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
