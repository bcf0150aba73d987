"""The services of this host, as systemd keeps them: the one place that knows who keeps them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from hub.rollout.errors import RolloutError

WEB, WATCH, WORKERS = "hub-web.service", "hub-watch.service", "hub-worker@*.service"
# Seconds. A worker may take as long to stop as its unit says, and its task.
PATIENCE = 600.0


class Services:
    """What `systemctl` says and does. Raises RolloutError when it refuses."""

    def is_here(self) -> bool:
        """Whether this host is run by it at all."""
        try:
            return self._ask("is-system-running").stdout.strip() not in ("", "offline", "unknown")
        except RolloutError:
            return False

    def is_wanted(self, unit: str) -> bool:
        """Whether it runs, or is started again and again: nobody has stopped it."""
        said = self._ask("show", "--property=ActiveState", "--value", unit).stdout.strip()
        return said in ("active", "activating", "reloading")

    def workers(self) -> list[str]:
        """The units of the workers that are wanted."""
        said = self._ask("list-units", "--plain", "--no-legend", "--state=active,activating,reloading", WORKERS).stdout
        return sorted(line.split()[0] for line in said.splitlines() if line.strip())

    def pid(self, unit: str) -> int | None:
        """Its main process, None while it has none."""
        return int(self._ask("show", "--property=MainPID", "--value", unit).stdout.strip() or 0) or None

    def release(self, unit: str) -> Path | None:
        """The checkout that its main process was started in; None while it has none, or is not to be looked at."""
        pid = self.pid(unit)
        try:
            return Path(os.readlink(f"/proc/{pid}/cwd")) if pid else None
        except OSError:
            return None

    def reload(self, unit: str) -> None:
        self._tell("reload", unit)

    def restart(self, unit: str) -> None:
        """Stop it, as its unit says, and start it; returns when its new process runs."""
        self._tell("restart", unit)

    def _tell(self, verb: str, unit: str) -> None:
        done = self._ask(verb, unit)
        if done.returncode:
            raise RolloutError(f"systemctl {verb} {unit}: {done.stderr.strip() or f'exit code {done.returncode}'}")

    def _ask(self, *words: str) -> subprocess.CompletedProcess:
        try:
            return subprocess.run(["systemctl", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=PATIENCE, check=False)
        except FileNotFoundError:
            raise RolloutError("systemctl was not found: this host is not run by systemd.") from None
        except subprocess.TimeoutExpired:
            raise RolloutError(f"systemctl {' '.join(words)} has not ended after {PATIENCE:g} s.") from None
