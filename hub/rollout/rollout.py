"""The steps of a deploy, and of the way back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hub.rollout import gate, releases
from hub.rollout.errors import Refused, RolloutError
from hub.rollout.host import Host, last_line
from hub.rollout.services import WATCH, WEB, Services

# Bytes: a release and, where the requirements are new, its environment.
NEEDED = 600 * 1024 * 1024


@dataclass
class Rollout:
    """One deploy, from `checkout`, on a host. `tell` is given each line of what happens. `patience` (seconds) is how
    long a step may take to be well, `keep` how many releases stay; `anyway`: although the doctor finds failures."""

    host: Host
    services: Services
    checkout: Path
    tell: Callable[[str], None] = print
    patience: float = 120.0
    keep: int = 3
    backup: bool = True
    anyway: bool = False
    saved: str = field(default="", init=False)
    migrated: list[str] = field(default_factory=list, init=False)

    def look(self) -> list[str]:
        """What is wrong with this host for a deploy; sentences that say what to do."""
        host, found = self.host, []
        if not host.variables.is_file():
            found.append(f"{host.variables} is not there: docs/install.md says what stands in it.")
        elif host.variables.stat().st_mode & 0o007:
            found.append(f"Others may read {host.variables}, and passwords stand in it: chmod 600 {host.variables}")
        if not self.services.is_here():
            found.append("This host is not run by systemd: see docs/deployment.md for containers.")
        if (self.checkout / ".env").exists():
            found.append(f"{self.checkout / '.env'} would not be used: put its variables into {host.variables}.")
        missing = [name for name in self._programs() if shutil.which(name) is None]
        if missing:
            found.append(f"Not found: {', '.join(missing)}. Install them.")
        place = next(one for one in (host.home, *host.home.parents) if one.exists())
        if not os.access(place, os.W_OK):
            found.append(f"{place} cannot be written: deploy as root.")
        elif (free := shutil.disk_usage(place).free) < NEEDED:
            found.append(f"{free >> 20} MB are free at {place}, {NEEDED >> 20} MB are needed: free some space.")
        elif place == host.home and not place.stat().st_mode & 0o001:
            found.append(f"Nobody but its owner may enter {place}: chmod 755 {place}")
        return found

    def plan(self) -> None:
        """Say what would be done, and change nothing. Raises Refused."""
        name, now = self._checked(), releases.current(self.host)
        here = self.host.releases / name
        self.tell(f"build     {here}" + (" is there already" if releases.is_built(here) else ""))
        if now is not None:
            self.tell(f"backup    by {now.name}" if self.backup else "backup    none, as you said")
        self.tell("migrate   what the database lacks by then")
        self.tell("trial     its web, at a port of its own")
        self.tell(f"switch    {self.host.current} from {now.name if now else 'nothing'} to {name}")
        if self.services.is_wanted(WEB):
            self.tell(f"hand over {WEB}")
        for unit in self._others():
            self.tell(f"restart   {unit}")
        self.tell("look      whether all is well; else back to " + (now.name if now else "nothing"))

    def deploy(self) -> None:
        """Build, back up, migrate, try, switch, see that it is well. Raises RolloutError: what ran before runs then."""
        name = self._checked()
        old = self._before(self.host.releases / name)
        with self._step("build", name):
            new = releases.build(self.checkout, self.host, name)
        with self._step("settings", "as the new version reads them"):
            self.host.manage(new, "check", "--deploy", "--fail-level", "ERROR")
        if old is not None:
            if not self.anyway:
                with self._step("doctor", f"by {old.name}"):
                    self._doctor(old)
            if self.backup:
                with self._step("backup", f"by {old.name}"):
                    self.saved = json.loads(self.host.manage(old, "backup", "create", "--json"))["file"]
                self.tell(f"          {self.saved}")
        with self._step("migrate", "the database"):
            said = self.host.manage(new, "prepare").splitlines()
            self.migrated = [line.removeprefix("Applied ") for line in said if line.startswith("Applied ")]
        if self.migrated:
            self.tell(f"          {self._migrations()}")
        with self._step("trial", "web at a port of its own"):
            gate.trial(self.host, new, self.patience)
        self._put(new, old)
        gone = releases.prune(self.host, self.keep, self._used())
        if gone:
            self.tell(f"removed   {', '.join(gone)}")

    def back(self) -> None:
        """To the previous release, by the same steps. Raises RolloutError."""
        old, now = releases.previous(self.host), releases.current(self.host)
        if old is None or now is None:
            raise Refused("There is no release to go back to.")
        if self._unknown(old):
            self.tell(f"note      The database has had migrations that {old.name} does not know. It works with them: "
                      "each version leaves the one before able to read and write.")
        with self._step("trial", f"web of {old.name} at a port of its own"):
            gate.trial(self.host, old, self.patience)
        self._put(old, now)

    def _put(self, new: Path, old: Path | None) -> None:
        try:
            self._switch(new)
            with self._step("look", "whether all is well"):
                self._see(new, "it was not well")
                if self.services.is_wanted(WEB):
                    self._doctor(new)
        except (RolloutError, OSError, subprocess.SubprocessError, KeyboardInterrupt) as error:
            if old is None or old == new:
                raise
            said = str(error) or "it was interrupted"
            self.tell(f"FAILED    {said}")
            self.tell(f"          back to {old.name}")
            self._switch(old)
            self._see(old, "the old one is not well")
            raise RolloutError(f"{new.name} was taken back: {said} {old.name} runs. "
                               f"{self._about_the_database()}") from None

    def _see(self, release: Path, wrong: str) -> None:
        """Wait until all that is wanted here is of that release, and well."""
        began = time.time()
        gate.soon(lambda: gate.in_place(self.host, self.services, release, began), self.patience, wrong)

    def _switch(self, release: Path) -> None:
        """Point the link at it, and have each service that is another's begin anew from there."""
        with self._step("switch", f"to {release.name}"):
            releases.switch(self.host, release)
        if self.services.is_wanted(WEB):
            with self._step("hand over", WEB):
                self._hand_over(release)
        for unit in self._others():
            if self.services.release(unit) != release:
                with self._step("restart", unit):
                    self.services.restart(unit)

    def _hand_over(self, release: Path) -> None:
        if (self.host.web().get("serving") or {}).get("release") == str(release):
            return
        self.services.reload(WEB)

        def wrong() -> str:
            state = self.host.web()
            failed = state.get("failed") or {}
            if failed.get("release") == str(release):
                raise RolloutError(f"web of {release.name} did not come: {failed['why']}.")
            return "" if (state.get("serving") or {}).get("release") == str(release) else "the old one still answers"

        gate.soon(wrong, self.patience, "web was not handed over")

    def _before(self, new: Path) -> Path | None:
        """What runs until now: the current release, or, where a deploy of this one was cut off, the one before it."""
        now = releases.current(self.host)
        if now != new:
            return now
        before = releases.previous(self.host)
        serving = (self.host.web().get("serving") or {}).get("release")
        return before if before is not None and (before in self._used() or serving == str(before)) else None

    def _checked(self) -> str:
        if problems := self.look():
            raise Refused(" ".join(problems))
        return releases.name_of(self.checkout)

    def _doctor(self, release: Path) -> None:
        done = self.host.ask(release, "doctor", "--json")
        try:
            bad = [f"{one['said']} {one['todo']}" for one in json.loads(done.stdout) if one["level"] == "failure"]
        except ValueError:
            raise RolloutError(f"manage.py doctor: {last_line(done)}") from None
        if bad:
            raise RolloutError(" ".join(bad))

    def _unknown(self, release: Path) -> bool:
        done = self.host.ask(release, "doctor", "--json")
        return "newer Hub" in done.stdout

    def _migrations(self) -> str:
        return ", ".join(self.migrated) if len(self.migrated) < 9 else f"{len(self.migrated)} migrations"

    def _about_the_database(self) -> str:
        if not self.migrated:
            return "The database was not changed."
        saved = f" {self.saved} is how it was." if self.saved else ""
        return f"The database has had {self._migrations()}, with which the old version works.{saved}"

    def _others(self) -> Iterator[str]:
        if self.services.is_wanted(WATCH):
            yield WATCH
        yield from self.services.workers()

    def _used(self) -> set[Path]:
        return {one for one in map(self.services.release, (WEB, *self._others())) if one is not None}

    def _programs(self) -> Iterator[str]:
        yield from ("tar", "git") if (self.checkout / ".git").exists() else ()
        if self.host.variables.is_file() and self.host.environ.get("DATABASE_URL", "").startswith("postgres"):
            yield from ("pg_dump", "pg_restore", "psql")

    @contextmanager
    def _step(self, name: str, what: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self.tell(f"{name:<9} {what}: failed after {time.monotonic() - began:.1f} s")
            raise
        self.tell(f"{name:<9} {what}: {time.monotonic() - began:.1f} s")
