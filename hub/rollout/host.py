"""The host that Hub is installed on: where things are, who runs it, and its commands as that user."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hub.rollout.errors import Refused, RolloutError
from projects.stacks import dotenv
from projects.stacks.spec import StackError

# As systemd gives it to services: the Python that is found now is the one that they find.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
COMMAND_WITHIN = 3600.0


@dataclass(frozen=True)
class Host:
    """`home` holds `releases`, `venvs` and the link `current`; `variables` is the file of Hub's environment; `user` is
    the name of who runs Hub."""

    home: Path
    variables: Path
    user: str

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def current(self) -> Path:
        return self.home / "current"

    @property
    def previous(self) -> Path:
        return self.home / "previous"

    @cached_property
    def environ(self) -> dict[str, str]:
        """That of every process of Hub here. Raises Refused."""
        try:
            found = dotenv.read(self.variables).values
        except StackError as error:
            raise Refused(error.message) from None
        except OSError as error:
            raise Refused(f"{self.variables} cannot be read: {error.strerror}.") from None
        return {"PATH": PATH, "LANG": "C.UTF-8", "HOME": self.account.pw_dir, **found}

    @cached_property
    def account(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(self.user)
        except KeyError:
            raise Refused(f"There is no user {self.user}: useradd --system {self.user}, or say --user.") from None

    @property
    def data(self) -> Path:
        return Path(self.environ.get("HUB_DATA", "/var/lib/hub"))

    @property
    def as_user(self) -> dict[str, Any]:
        """What makes a child process that user's, where we may."""
        if os.getuid() == self.account.pw_uid:
            return {}
        groups = os.getgrouplist(self.user, self.account.pw_gid)
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": groups}

    def begin(self, release: Path, *words: str, log: Any, **variables: str) -> subprocess.Popen:
        """Start a management command of a release."""
        return subprocess.Popen([release / "bin" / "manage", *words], env={**self.environ, **variables}, cwd=release,
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, umask=0o077, **self.as_user)

    def ask(self, release: Path, *words: str) -> subprocess.CompletedProcess:
        """Run a management command of a release to its end."""
        return subprocess.run([release / "bin" / "manage", *words], env=self.environ, cwd=release, umask=0o077,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_WITHIN,
                              check=False, **self.as_user)

    def manage(self, release: Path, *words: str) -> str:
        """What a management command prints. Raises RolloutError when it fails."""
        done = self.ask(release, *words)
        if done.returncode:
            raise RolloutError(f"manage.py {' '.join(words)}: {last_line(done)}")
        return done.stdout

    def web(self) -> dict[str, Any]:
        """What `bin/web` says of itself; empty while it does not run."""
        try:
            return json.loads((self.data / "web.json").read_text())
        except (OSError, ValueError):
            return {}


def last_line(done: subprocess.CompletedProcess) -> str:
    """The line that says why something failed."""
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.returncode}"
