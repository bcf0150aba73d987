"""A production host, set up as docs/install.md says: its commands are read from there and run, word by word."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.env import ROOT
from hub.tests.machine import Machine

PASSWORD = "of1the2database"
ORIGIN = "/srv/origin"
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is the reader's to fill in, and what the machine has instead of a terminal.
FILLED_IN = {"<this repository>": ORIGIN, "PASSWORD": PASSWORD, "hub.example.org": "127.0.0.1",
             "HUB_SECURE_COOKIES=1\n": ""}
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".pytest_cache", ".ruff_cache", "node_modules")
UNITS = ("hub-web", "hub-watch", "hub-worker@1", "hub-worker@2")
ASK = ("import sys, urllib.request as web\n"
       "request = web.Request(sys.argv[1], sys.argv[2].encode() or None, {'Authorization': 'Bearer ' + sys.argv[3],"
       " 'Content-Type': 'application/json'})\n"
       "try:\n    answer = web.urlopen(request, timeout=20)\n"
       "except web.HTTPError as error:\n    answer = error\n"
       "print(answer.status)\nprint(answer.read().decode())")


@dataclass
class Production:
    """Hub on a machine of its own. `key` is one of an admin."""

    machine: Machine
    key: str = ""
    folder: Path = field(default=ROOT)

    def install(self) -> None:
        """Follow the guide, from the packages to the first admin."""
        shell, variables, first, units, admin = self._blocks()[:5]
        self._packages()
        self._origin()
        self.machine.run(f"printf '%s\\n%s\\n' {PASSWORD} {PASSWORD} > /tmp/passwords")
        for line in shell.splitlines():
            self.machine.run(line + (" < /tmp/passwords" if "--pwprompt" in line else ""))
        self.machine.path("/etc/hub.env").write_text(variables)
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
        run = self.machine.run
        run("sed -i 's/^[# ]*appendonly .*/appendonly yes/; /^save /d; /^requirepass/d; /^maxmemory-policy/d; "
            "/^bind /d' /etc/redis/redis.conf && "
            f"printf 'requirepass {PASSWORD}\\nmaxmemory-policy noeviction\\nbind 127.0.0.1\\n' "
            ">> /etc/redis/redis.conf")
        run("cluster=$(pg_lsclusters -h | awk 'NR == 1 {print $1 \"-\" $2}') && "
            "systemctl enable --now redis-server postgresql@$cluster")
        self.machine.until(lambda: run("pg_isready -q", check=False).returncode == 0, 30, "PostgreSQL does not answer")

    def _origin(self) -> None:
        """The repository, as it stands here."""
        shutil.copytree(ROOT, self.machine.path(ORIGIN), ignore=LEFT_OUT, symlinks=True)
        self.machine.run(f"cd {ORIGIN} && git init -q -b main && git config user.name drill && "
                         "git config user.email drill@localhost && git add -A && git commit -qm first")

    def release(self, version: str, **changes: str) -> None:
        """Commit a new version; `changes` are texts added to files (`hub__watch` is hub/watch.py)."""
        settings = self.machine.path(f"{ORIGIN}/hub/settings.py")
        settings.write_text(re.sub(r"^VERSION = .*", f'VERSION = "{version}"', settings.read_text(), flags=re.M))
        for name, text in changes.items():
            file = self.machine.path(f"{ORIGIN}/{name.replace('__', '/')}.py")
            file.write_text(file.read_text() + text)
        self.machine.run(f"cd {ORIGIN} && git add -A && git commit -qm {version}")
        self.machine.run("cd /opt/hub/source && git pull -q")

    def deploy(self, *words: str, code: int = 0) -> str:
        """What `bin/deploy` says, which must end with this exit code."""
        done = self.machine.run(f"/opt/hub/source/bin/deploy {' '.join(words)}", check=False)
        assert done.returncode == code, f"{done.stdout}{done.stderr}{self.machine.said()}"
        return done.stdout + done.stderr

    def manage(self, *words: str) -> str:
        line = "systemd-run --quiet --pipe --wait --uid=hub --property=EnvironmentFile=/etc/hub.env"
        return self.machine.run(f"{line} /opt/hub/current/bin/manage {' '.join(words)}").stdout

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of the API; status 0 when nobody answers."""
        done = subprocess.run(self.machine.inside("python3", "-c", ASK, f"http://127.0.0.1:9000{path}",
                                                  "" if body is None else json.dumps(body), self.key),
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            return 0, done.stderr.strip().splitlines()[-1]
        status, _, text = done.stdout.partition("\n")
        return int(status), json.loads(text)

    def well(self, seconds: float = 90) -> dict[str, Any]:
        """/health, once it says that all is well."""
        self.machine.until(lambda: self.ask("/health")[1] and self._is_well(), seconds, "it does not get well")
        return self.ask("/health")[1]

    def _is_well(self) -> bool:
        status, body = self.ask("/health")
        return status == 200 and body["status"] == "ok"

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

    def start(self, project: int) -> str:
        status, body = self.ask(f"/api/orchestration/{project}/start", {})
        assert status == 202, body
        return body["task_id"]
