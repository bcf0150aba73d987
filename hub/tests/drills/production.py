"""A production host, set up as docs/install.md says: its commands are read from there and run, word by word."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import redis_binary
from hub.env import ROOT
from hub.tests.machine import Machine, skip_unless_allowed

PASSWORD = "of1the2database"
ORIGIN = "/srv/origin"
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is the reader's to fill in, and what the machine has instead of a terminal.
FILLED_IN = {"<this repository>": ORIGIN, "PASSWORD": PASSWORD, "hub.example.org": "127.0.0.1",
             "HUB_SECURE_COOKIES=1\n": ""}
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".pytest_cache", ".ruff_cache", "node_modules")
POSTGRESQL = """[Service]
User=postgres
RuntimeDirectory=postgresql
ExecStart={}/postgres -D /var/lib/drill/data -k /run/postgresql -h 127.0.0.1 -c fsync=off
Restart=always
KillSignal=SIGINT
[Install]
WantedBy=multi-user.target
"""
REDIS = """[Service]
ExecStart={} --bind 127.0.0.1 --requirepass {} --appendonly yes --maxmemory-policy noeviction --dir /var/lib/redis
Restart=always
[Install]
WantedBy=multi-user.target
"""
UNITS = ("hub-web", "hub-watch", "hub-worker@1", "hub-worker@2")
ASK = ("import sys, urllib.request as web\n"
       "request = web.Request(sys.argv[1], sys.argv[2].encode() or None, {'Authorization': 'Bearer ' + sys.argv[3],"
       " 'Content-Type': 'application/json'}, method=sys.argv[4] or None)\n"
       "try:\n    answer = web.urlopen(request, timeout=20)\n"
       "except web.HTTPError as error:\n    answer = error\n"
       "print(answer.status)\nprint(answer.read().decode())")


@contextmanager
def production() -> Iterator[Production]:
    """One that works, on a machine that is gone afterwards."""
    skip_unless_allowed()
    with tempfile.TemporaryDirectory(prefix="hub-machine-") as folder, Machine(Path(folder)) as machine:
        machine.boot()
        made = Production(machine)
        made.install()
        yield made


@dataclass
class Production:
    """Hub on a machine of its own. `key` is one of an admin."""

    machine: Machine
    key: str = ""

    def install(self) -> None:
        """Follow the guide, from the packages to the first admin."""
        shell, variables, first, units, admin = self._blocks()[:5]
        self._packages()
        self._origin()
        self.machine.run(f"printf '%s\\n%s\\n' {PASSWORD} {PASSWORD} > /tmp/passwords")
        for line in shell.splitlines():
            self.machine.run(line + (" < /tmp/passwords" if "--pwprompt" in line else ""))
        # The drills ask more often than scripts may.
        self.machine.path("/etc/hub.env").write_text(f"{variables}HUB_RATE_HOUR=1000000\nHUB_RATE_BURST=1000000\n")
        self.machine.run("chmod 600 /etc/hub.env")
        self.machine.lend_environment(ORIGIN)
        self.machine.run(first)
        self.machine.run(units)
        self.well()
        said = self.machine.run(admin).stdout
        assert "/sign-in/" in said and "FAIL" not in said, said
        self.key = self.manage("apikey", "create", "drill", "--role", "admin").split()[-1]

    def _blocks(self) -> list[str]:
        found = BLOCK.findall((ROOT / "docs" / "install.md").read_text())
        for old, new in FILLED_IN.items():
            assert any(old in block for block in found), old
            found = [block.replace(old, new) for block in found]
        return found

    def _packages(self) -> None:
        """What `apt-get install` would leave: PostgreSQL and Redis that run, with the settings that the guide names."""
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not programs:
            pytest.skip("PostgreSQL's initdb was not found (Debian: apt-get install postgresql).")
        units = self.machine.path("/etc/systemd/system")
        (units / "postgresql.service").write_text(POSTGRESQL.format(programs[-1].parent))
        (units / "redis-server.service").write_text(REDIS.format("/usr/local/sbin/redis-server", PASSWORD))
        shutil.copy2(redis_binary(), self.machine.path("/usr/local/sbin/redis-server"))
        run = self.machine.run
        run(f"install -d -o postgres -g postgres /var/lib/drill && cd / && runuser -u postgres -- {programs[-1]} "
            "-D /var/lib/drill/data --auth-local=peer --auth-host=scram-sha-256 -E UTF8 --no-sync")
        run("install -d /var/lib/redis && systemctl daemon-reload && systemctl enable --now postgresql redis-server")
        self.machine.until(lambda: run("pg_isready -q -h /run/postgresql", check=False).returncode == 0, 30,
                           "PostgreSQL does not answer")

    def _origin(self) -> None:
        """The repository, as it stands here."""
        shutil.copytree(ROOT, self.machine.path(ORIGIN), ignore=LEFT_OUT, symlinks=True)
        self.machine.run(f"cd {ORIGIN} && git init -q -b main && git config user.name drill && "
                         "git config user.email drill@localhost && git add -A && git commit -qm first")

    def release(self, version: str, **changes: str) -> None:
        """Commit a new version: the first one with `changes`, texts added to files (`hub__watch` is hub/watch.py)."""
        self.machine.run(f"cd {ORIGIN} && git checkout -q $(git rev-list --max-parents=0 HEAD) -- .")
        settings = self.machine.path(f"{ORIGIN}/hub/settings.py")
        text = settings.read_text()
        settings.write_text(re.sub(r"^VERSION = .*", f'VERSION = "{version}"', text, flags=re.MULTILINE))
        for name, text in changes.items():
            file = self.machine.path(f"{ORIGIN}/{name.replace('__', '/')}.py")
            file.write_text(file.read_text() + text)
        self.machine.run(f"cd {ORIGIN} && git add -A && git commit -qm {version}")
        self.machine.run("cd /opt/hub/source && git pull -q")

    def deploy(self, *words: str, code: int = 0, when: str = "", then: Callable[[], Any] = lambda: None) -> str:
        """What `bin/deploy` says, which must end with this exit code; `then` is called when it says `when`."""
        said = []
        with self.machine.begin("/opt/hub/source/bin/deploy", *words, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            for line in process.stdout:
                said.append(line)
                if when and when in line:
                    then()
        assert process.returncode == code, f"{''.join(said)}{self.machine.said()}"
        return "".join(said)

    def manage(self, *words: str) -> str:
        line = "systemd-run --quiet --pipe --wait --uid=hub --property=EnvironmentFile=/etc/hub.env"
        return self.machine.run(f"{line} /opt/hub/current/bin/manage {' '.join(words)}").stdout

    def ask(self, path: str, body: Any = None, method: str = "") -> tuple[int, Any]:
        """Status and JSON of the API; status 0 when nobody answers."""
        done = subprocess.run(self.machine.inside("python3", "-c", ASK, f"http://127.0.0.1:9000{path}",
                                                  "" if body is None else json.dumps(body), self.key, method),
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            return 0, done.stderr.strip().splitlines()[-1]
        status, _, text = done.stdout.partition("\n")
        return int(status), json.loads(text)

    def well(self, seconds: float = 120) -> dict[str, Any]:
        """/health, once it says that all is well."""
        deadline = time.monotonic() + seconds
        while (found := self.ask("/health"))[0] != 200 or found[1]["status"] != "ok":
            assert time.monotonic() < deadline, f"It does not get well: {found}{self.machine.said()}"
            time.sleep(0.3)
        return found[1]

    def stack(self, name: str) -> int:
        """A project whose web server answers; its id."""
        self.machine.run(f"mkdir -p /srv/{name} && chown hub /srv/{name} && "
                         f"echo 'web: python3 -m http.server --bind 127.0.0.1 $PORT' > /srv/{name}/Procfile")
        status, body = self.ask("/api/projects", {"name": name, "path": f"/srv/{name}"})
        assert status == 201, body
        return body["id"]

    def ended(self, task: str, seconds: float = 120) -> dict[str, Any]:
        """A task, once it has ended."""
        def look() -> dict[str, Any] | None:
            status, body = self.ask(f"/api/tasks/{task}")
            return body if status == 200 and body["finished_at"] else None

        return self.machine.until(look, seconds, f"task {task} has not ended")

    @contextmanager
    def asked(self) -> Iterator[dict[str, Any]]:
        """While it lasts, it is asked without a pause. What is yielded is filled in at the end: see `asking.py`."""
        told: dict[str, Any] = {}
        client = self.machine.begin("python3", str(ROOT / "hub/tests/drills/asking.py"), self.key,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert client.stdout.readline() == "asking\n"
            yield told
            told.update(json.loads(client.communicate(timeout=60)[0]))
        finally:
            client.kill()
            client.wait()

    def start(self, project: int) -> str:
        status, body = self.ask(f"/api/orchestration/{project}/start", {})
        assert status == 202, body
        return body["task_id"]
