"""Two hosts that are network namespaces: a line of virtual Ethernet between them, and a host name, a data folder and a
projects' root each. The first also has PostgreSQL and Redis, which listen on its card alone and want passwords."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography.fernet import Fernet

from hub.tests.system.running_hub import CLEAN, REPOSITORY

ADDRESSES = ("10.231.77.1", "10.231.77.2")
# Both have the same ports to lease: what one host has, the other may have too.
PORTS = "18400-18419"
# Says over and over how nodes and projects look, a line of JSON each, with the time at which it looked.
EYES = """
import json, time
import django
django.setup()
from projects.models import Project
from projects.observation import status_of
from tasks.nodes.registry import nodes
while True:
    began = time.monotonic()
    seen = {one.name: [one.answers, one.is_well] for one in nodes()}
    projects = {one.name: status_of(one) for one in Project.objects.all()}
    print(json.dumps({"at": began, "nodes": seen, "projects": projects}, default=str), flush=True)
    time.sleep(0.5)
"""


def skip_unless_allowed() -> None:
    """Skip where network namespaces cannot be had, with a line that says what is wanting."""
    if shutil.which("ip") is None:
        pytest.skip("The program ip was not found (Debian: apt-get install iproute2).")
    name = f"hub-probe-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode == 0:
        subprocess.run(["ip", "netns", "del", name], check=True)
    else:
        pytest.skip(f"Network namespaces are not allowed here (root is needed): {made.stderr.strip()}")


@dataclass
class Host:
    """One of the two. `environ` is that of every process of Hub on it."""

    node: str
    space: str
    address: str
    folder: Path
    environ: dict[str, str]
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The only folder in which this host has projects."""
        return self.folder / "projects"

    def inside(self, *command: str | Path) -> list[str]:
        """A command as it is run on this host."""
        script = 'hostname "$0" && exec "$@"'
        return ["ip", "netns", "exec", self.space, "unshare", "--uts", "sh", "-c", script, self.node,
                *map(str, command)]

    def begin(self, name: str, *command: str | Path) -> subprocess.Popen:
        """Start a process of this host, which writes to a log of that name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.inside(*command), cwd=REPOSITORY, env=self.environ, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        return self.processes[name]

    def manage(self, *arguments: str) -> Any:
        """The answer of a command of Hub with `--json`, run on this host."""
        command = self.inside(sys.executable, REPOSITORY / "manage.py", *arguments, "--json")
        done = subprocess.run(command, cwd=REPOSITORY, env=self.environ, capture_output=True, text=True, timeout=120,
                              check=False)
        assert done.returncode == 0, f"{self.node}: {arguments}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def get(self, address: str, port: int) -> str:
        """What a web server says to this host; empty when it does not answer."""
        code = "import sys, urllib.request as web; print(web.urlopen(sys.argv[1], timeout=5).read().decode())"
        command = self.inside(sys.executable, "-c", code, f"http://{address}:{port}/name")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def has(self, pid: int) -> bool:
        """Whether that process is in the namespace of this host."""
        return Path(f"/proc/{pid}/ns/net").stat().st_ino == Path(f"/run/netns/{self.space}").stat().st_ino

    def stack(self, name: str) -> Path:
        """A new project's folder, whose web server tells the name of this host."""
        folder = self.root / name
        folder.mkdir(parents=True)
        (folder / "name").write_text(self.node)
        (folder / "Procfile").write_text("web: python3 -m http.server --bind 0.0.0.0 $PORT\n")
        return folder

    def end(self) -> None:
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name, process in self.processes.items():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            print(f"--- {self.node} {name}\n{(self.folder / f'{name}.log').read_text()[-4000:]}")
        for process in psutil.process_iter(["pid"]):  # stacks outlive what started them
            try:
                if self.has(process.pid):
                    process.kill()
            except (psutil.Error, OSError):
                continue


@dataclass
class TwoHosts:
    """The first with the database and the queue, the second with nothing but a line to it."""

    first: Host
    second: Host

    def seen(self) -> dict[str, Any]:
        """What the first host saw last: `{"at", "nodes": {name: [answers, is well]}, "projects": {name: status}}`."""
        lines = (self.first.folder / "eyes.log").read_text().splitlines()
        found = next((line for line in reversed(lines) if line.endswith("}")), None)
        return json.loads(found) if found else {"at": 0.0, "nodes": {}, "projects": {}}

    def looks(self) -> Iterator[dict[str, Any]]:
        """All that it has seen, oldest first."""
        for line in (self.first.folder / "eyes.log").read_text().splitlines():
            yield json.loads(line)

    def cut(self) -> None:
        """Take the line down."""
        _ip("-n", self.second.space, "link", "set", "hub1", "down")

    def mend(self) -> None:
        """Bring it up again."""
        _ip("-n", self.second.space, "link", "set", "hub1", "up")


@contextmanager
def two_hosts(folder: Path, redis_server: str) -> Iterator[TwoHosts]:
    """Both with a worker and a watch that listen."""
    password = "correct horse/battery"
    spaces = [f"hub-{os.getpid()}-{name}" for name in "ab"]
    quoted = urllib.parse.quote(password, safe="")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
    shared = {
        **kept, "DATABASE_URL": f"postgres://hub:{quoted}@{ADDRESSES[0]}:5432/postgres",
        "REDIS_URL": f"redis://:{quoted}@{ADDRESSES[0]}:6379/0", "HUB_ID": "two", "SECRET_KEY": "x" * 50,
        "HUB_ENCRYPTION_KEY": Fernet.generate_key().decode(), "HUB_PORT_RANGE": PORTS, "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    hosts = []
    for node, space, address in zip("ab", spaces, ADDRESSES, strict=True):
        home = folder / node
        (home / "projects").mkdir(parents=True)
        # The second is named on the command line instead, which counts.
        named = "a" if node == "a" else "not-b"
        environ = {**shared, "HUB_NODE": named, "HUB_DATA": str(home / "data"),
                   "HUB_PROJECTS_ROOT": str(home / "projects")}
        hosts.append(Host(node, space, address, home, environ))
    both = TwoHosts(*hosts)
    try:
        for space in spaces:
            _ip("netns", "add", space)
        _ip("-n", spaces[0], "link", "add", "hub0", "type", "veth", "peer", "name", "hub1", "netns", spaces[1])
        for space, card, address in zip(spaces, ("hub0", "hub1"), ADDRESSES, strict=True):
            _ip("-n", space, "address", "add", f"{address}/30", "dev", card)
            for each in ("lo", card):
                _ip("-n", space, "link", "set", each, "up")
        _begin_postgresql(both.first, password)
        both.first.begin("redis", redis_server, "--bind", ADDRESSES[0], "--port", "6379", "--requirepass", password,
                         "--save", "", "--dir", both.first.folder)
        subprocess.run(both.first.inside(sys.executable, REPOSITORY / "manage.py", "migrate", "-v", "0"),
                       env=both.first.environ, cwd=REPOSITORY, check=True, timeout=120)
        for host in hosts:
            named = ["--node", host.node]
            host.begin("worker", sys.executable, REPOSITORY / "manage.py", "worker", "--lanes", "stacks", *named)
            host.begin("watch", sys.executable, REPOSITORY / "manage.py", "watch", *named)
        both.first.begin("eyes", "env", "DJANGO_SETTINGS_MODULE=hub.settings", sys.executable, "-c", EYES)
        yield both
    finally:
        for host in reversed(hosts):
            host.end()
        for space in spaces:
            subprocess.run(["ip", "netns", "del", space], check=False)


def _begin_postgresql(host: Host, password: str) -> None:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("PostgreSQL's initdb was not found (Debian: apt-get install postgresql).")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]  # it will not run as root
    folder, secret = host.folder / "postgres", host.folder / "password"
    secret.write_text(password)
    for parent in [host.folder, *host.folder.parents][:4]:
        parent.chmod(0o755)
    folder.mkdir()
    for path in (folder, secret):
        shutil.chown(path, "postgres", "postgres")
    data = folder / "data"
    subprocess.run([*as_user, programs[-1], "-D", data, "-U", "hub", "-A", "scram-sha-256", f"--pwfile={secret}",
                    "-E", "UTF8", "--no-sync"], check=True, cwd="/", stdout=subprocess.DEVNULL)
    with (data / "pg_hba.conf").open("a") as access:
        access.write(f"host all all {ADDRESSES[0]}/30 scram-sha-256\n")
    host.begin("postgres", *as_user, programs[-1].with_name("postgres"), "-D", data, "-h", ADDRESSES[0], "-k", "",
               "-c", "fsync=off")
    ready = host.inside(programs[-1].with_name("pg_isready"), "-q", "-h", ADDRESSES[0])
    deadline = time.monotonic() + 30
    while subprocess.run(ready, check=False).returncode:
        assert time.monotonic() < deadline, (host.folder / "postgres.log").read_text()
        time.sleep(0.1)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
