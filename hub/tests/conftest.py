"""Whole Hubs, started as a user starts them."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@dataclass
class RunningHub:
    """`manage.py up` in a data folder of its own."""

    data: Path
    port: int
    log: Path
    process: subprocess.Popen
    seen: set[psutil.Process] = field(default_factory=set)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def owner(self) -> int | None:
        """The pid of the Hub that says it owns the data folder."""
        return self._lock().get("pid")

    def children(self) -> dict[str, int]:
        return self._lock().get("children", {})

    def _lock(self) -> dict:
        try:
            return json.loads((self.data / "hub.lock").read_text())
        except (FileNotFoundError, ValueError):  # not yet there, or being written
            return {}

    def get(self, path: str, timeout: float = 10.0) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if "json" in answer.getheader("Content-Type", "") else {}
        finally:
            connection.close()

    def is_healthy(self) -> bool:
        try:
            return self.get("/health")[1].get("status") == "ok"
        except OSError:
            return False

    def look(self) -> set[psutil.Process]:
        """Every process that belongs to it now; all that were ever seen are kept in `seen`."""
        try:
            self.seen |= {psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)}
        except psutil.NoSuchProcess:
            return set()
        return self.seen

    def left(self) -> list[psutil.Process]:
        """What lives of all that was seen of it, and of all that runs with its data folder."""
        marked = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HUB_DATA") == str(self.data):
                    marked.append(process)
            except psutil.Error:
                continue
        alive = {process for process in {*self.seen, *marked} if process.is_running()}
        return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def wait(self, timeout: float) -> int:
        return self.process.wait(timeout)


StartHub = Callable[..., RunningHub]


@pytest.fixture(scope="module")
def hub_data(tmp_path_factory) -> Path:
    """A data folder that the Hubs of one test file use one after the other."""
    return tmp_path_factory.mktemp("hub") / "data"


@pytest.fixture(scope="module")
def up_environment(hub_data: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    # SQLite, whatever the suite runs on: a whole Hub of the test's own. Empty values hide the checkout's .env.
    return environment | {"HUB_DATA": str(hub_data), "HUB_ID": "", "HUB_PROJECTS_ROOT": str(ROOT), "HUB_WORKERS": "2",
                          "HUB_PORT_RANGE": "21000-21999", "DATABASE_URL": "", "REDIS_URL": ""}


@pytest.fixture(scope="module")
def start_hub(hub_data: Path, up_environment: dict[str, str], tmp_path_factory) -> Iterator[StartHub]:
    """`start_hub()` starts one on a free port and returns it when it is ready; `start_hub(ready=False)` at once."""
    started: list[RunningHub] = []

    def start(*, ready: bool = True, port: int | None = None, before: tuple[str, ...] = ()) -> RunningHub:
        port = port or free_port()
        log = tmp_path_factory.mktemp("log") / "up.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*before, sys.executable, str(ROOT / "manage.py"), "up"], cwd="/", stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, env={**up_environment, "HUB_PORT": str(port)}, start_new_session=True, umask=0o022,
            )  # fmt: skip
        hub = RunningHub(hub_data, port, log, process)
        started.append(hub)
        deadline = time.monotonic() + 60
        while ready and "Hub is ready" not in hub.output:
            assert process.poll() is None, hub.output
            assert time.monotonic() < deadline, hub.output
            time.sleep(0.05)
        hub.look()
        return hub

    yield start
    for hub in started:
        if hub.process.poll() is None:
            hub.process.send_signal(signal.SIGTERM)
            hub.process.wait(30)


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory) -> Iterator[str]:
    """An empty PostgreSQL of the session's own."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    initdb = programs[-1]
    if not initdb.is_file():
        pytest.skip("PostgreSQL's initdb was not found (Debian: apt-get install postgresql).")
    folder = tmp_path_factory.mktemp("postgres")
    # PostgreSQL refuses to run as root; its Debian package makes a user for it.
    as_user: list[str] = []
    if os.getuid() == 0:
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        for parent in [folder, *folder.parents][:3]:
            parent.chmod(0o755)
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", free_port()
    subprocess.run([*as_user, initdb, "-D", data, "-U", "hub", "-A", "trust", "-E", "UTF8", "--no-sync"], check=True,
                   cwd="/", stdout=subprocess.DEVNULL)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*as_user, initdb.with_name("postgres"), "-D", data, "-p", str(port), "-k", "", "-h", "127.0.0.1",
             "-c", "fsync=off"], cwd="/", stdout=log, stderr=log,
        )  # fmt: skip
    ready = [initdb.with_name("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + 30
    while subprocess.run(ready, check=False).returncode:
        assert server.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.05)
    yield f"postgres://hub@127.0.0.1:{port}/postgres"
    server.send_signal(signal.SIGINT)
    server.wait(20)
