"""One process of a service, as the supervisor sees it: its states, its deaths, its restarts.

Lean on purpose: the supervisor imports it.
"""

import os
import signal
import time

from projects.engines.process.checkup import Checkup
from projects.engines.process.family import LAUNCH_VARIABLE, Ending, Family
from projects.engines.process.processes import CLOCK_TICKS, living, signal_name, stat_of
from projects.engines.process.rotation import Rotation
from projects.engines.process.spawn import spawn

# Restarts: the wait doubles from the first to the longest; a life this long wipes out the deaths before it.
FIRST_BACKOFF, LONGEST_BACKOFF, LONG_LIFE = 0.5, 10.0, 60.0
DEATHS_ALLOWED, DEATHS_ALLOWED_AT_START = 5, 3
# What /bin/sh exits with when it cannot run the command at all: trying again would not help.
SHELL_FAILURES = {126: "its command cannot be run", 127: "its command was not found"}
# A ready service that leaves this many questions in a row without a good answer is unhealthy.
BAD_ANSWERS = 2
LEFTOVER_GRACE, TURN_WHILE_ENDING = 2.0, 0.02
UNWATCHED = "ended while nobody watched: exit code unknown"


class Instance:
    """States: `waiting` (for others, or for its wish), `running`, `clearing` (it ended, its leftovers are being
    removed), `backoff`, `stopping`, and the ends `completed`, `failed`, `stopped`.

    `advance(now)` does what is due; `due` says when it wants to be called again. `changed` asks for a state file.
    """

    def __init__(self, name: str, family: Family, note):
        self.name, self.family, self.note = name, family, note
        self.service: dict = {}
        self.wish: dict = {}
        self.wanted = False
        self.state, self.changed, self.due = "waiting", True, 0.0
        self.pid: int | None = None
        self.start: int | None = None
        self.adopted, self.handle = False, None
        self.launch, self.version = 0, ""
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.born = 0.0
        self.ready = self.ever_ready = self.late = False
        self.health, self.reason = "none", ""
        self.restarts = self.deaths = 0
        self.exit_code: int | None = None
        self.signal = ""
        self.checkup: Checkup | None = None
        self.bad_answers = 0
        self.ending: Ending | None = None
        self.rotation: Rotation | None = None
        self.retry_at = 0.0

    # What is wished

    def wish_for(self, service: dict, wish: dict) -> None:
        self.service, self.wish, self.wanted = service, wish, True
        if self.state == "stopped" or (self.state in ("completed", "failed") and self.version != wish["version"]):
            self._fresh()

    def unwish(self) -> None:
        self.wanted = False
        if self.state in ("waiting", "backoff"):
            self._end("stopped", "")

    @property
    def one_shot(self) -> bool:
        return self.service.get("kind") == "one-shot"

    @property
    def satisfied(self) -> bool:
        """What a service that depends on this one waits for."""
        return self.state == "completed" or (self.state == "running" and self.ready and not self.one_shot)

    @property
    def has_process(self) -> bool:
        return self.state in ("running", "clearing", "stopping")

    @property
    def outdated(self) -> bool:
        return not self.wanted or self.version != self.wish["version"]

    def _fresh(self) -> None:
        self.state, self.reason, self.restarts, self.deaths = "waiting", "", 0, 0
        self.ever_ready, self.changed = False, True

    # Beginning

    def begin(self, folder: str, log_path: str, launch: int) -> None:
        """Start the process. The caller has seen that everything it depends on is satisfied."""
        self.launch, self.version = launch, self.wish["version"]
        self.exit_code, self.signal, self.ended_at = None, "", None
        try:
            variables = {**self.wish["variables"], LAUNCH_VARIABLE: f"{launch}:{self.version}"}
            self.pid = spawn(self.service["command"], folder, variables, log_path)
        except OSError as error:
            self._end("failed", f"could not be started: {error.strerror or error}")
            return
        stat = stat_of(self.pid)
        self.start = stat.start if stat else 0
        self.adopted, self.started_at, self.born = False, time.time(), time.monotonic()
        self._watch(log_path)
        self.ready, self.reason, self.health = False, "", "none"

    def adopt(self, pid: int, start: int, log_path: str) -> None:
        """Take over a process that an earlier supervisor started. It is nobody's child here: a handle tells its end."""
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - start / CLOCK_TICKS
        self.pid, self.start, self.adopted = pid, start, True
        self.started_at, self.born = time.time() - age, time.monotonic() - age
        try:
            self.handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self.handle = None
        self._watch(log_path)

    def _watch(self, log_path: str) -> None:
        self.state, self.changed, self.late = "running", True, False
        self.rotation = Rotation(log_path, since=self.started_at)
        if self.wanted and not self.one_shot:
            self.checkup, self.bad_answers = Checkup(self.service["ready"], self.wish["port"], self.born), 0

    # Every turn

    def advance(self, now: float) -> None:
        self.due = now + 3600.0
        if self.state == "running":
            if self.adopted and living(self.pid, self.start) is None:
                self.ended(None)
            elif self.outdated:
                # It will be stopped as soon as nothing that depends on it is left.
                self.due = now + TURN_WHILE_ENDING
            else:
                self._check_ready(now)
        if self.state in ("clearing", "stopping"):
            self._finish_ending(now)
        elif self.state == "backoff":
            if now >= self.retry_at:
                self.state, self.changed = "waiting", True
            self.due = min(self.due, self.retry_at)
        if self.rotation is not None and self.has_process:
            self.due = min(self.due, now + self.rotation.check(now))

    def _check_ready(self, now: float) -> None:
        if self.checkup is None:
            return
        answer = self.checkup.advance(now, self.ready)
        self.due = min(self.due, self.checkup.due)
        if answer is not None:
            self._heard(answer)
        if not self.ready and not self.late:
            until = self.born + self.service["ready"]["timeout"]
            self.due = min(self.due, until)
            if now >= until:
                self.late, self.changed, self.health = True, True, "unhealthy"
                self.reason = f"has not become ready within {self.service['ready']['timeout']:g} s"

    def _heard(self, answer: bool) -> None:
        health = "none" if self.service["ready"]["kind"] == "up" else "healthy"
        if answer:
            self.bad_answers = 0
            if not self.ready or self.health != health:
                self.ready = self.ever_ready = self.changed = True
                self.health, self.reason, self.late = health, "", False
        elif self.ready:
            self.bad_answers += 1
            if self.bad_answers == BAD_ANSWERS:
                self.health, self.changed = "unhealthy", True
                self.reason = f"no longer answers on port {self.wish['port']}"

    # Ending

    def ended(self, status: int | None) -> None:
        """The process is gone. `status` is what wait() said, None when it was not our child."""
        self.ended_at, self.changed = time.time(), True
        self.exit_code, self.signal = None, ""
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            self.exit_code, self.signal = (code, "") if code >= 0 else (None, signal_name(-code))
        self._close_checkup()
        self._close_handle()
        if self.state != "stopping":
            self.state = "clearing"
            self.reason = self._cause(status is not None)
            self.ending = self._ending(signal.SIGTERM, LEFTOVER_GRACE)

    def resume(self, state: str) -> None:
        """Go on where an earlier supervisor was when it died; the main process has ended meanwhile."""
        if state == "running":
            self.ended(None)
        else:
            self.state, self.changed = state, True
            self.ending = self._ending(signal.SIGTERM, LEFTOVER_GRACE)

    def stop(self) -> None:
        """Begin to stop the process and everything it started."""
        self._close_checkup()
        if self.state == "running":
            number = signal.Signals[self.service.get("stop_signal", "SIGTERM")]
            self.state, self.changed, self.reason = "stopping", True, "is being stopped"
            self.ending = self._ending(number, self.service.get("stop_grace", 5.0))
        elif self.state == "clearing":
            self.state, self.changed = "stopping", True

    def _ending(self, number: int, grace: float) -> Ending:
        return Ending(self.family, {self.pid: self.start}, number, grace, instance=self.name)

    def _finish_ending(self, now: float) -> None:
        self.family.look_again()
        if not self.ending.advance():
            self.due = now + TURN_WHILE_ENDING
            return
        lived, stopping = (self.ended_at or time.time()) - (self.started_at or time.time()), self.state == "stopping"
        self.ending, self.pid, self.start = None, None, None
        if self.rotation is not None:
            self.rotation.finish()
        self.ended_at = self.ended_at or time.time()
        if stopping or self.outdated:
            self.ready = False
            if self.wanted:
                self._fresh()
            else:
                self._end("stopped", "")
        else:
            self._after_death(now, lived)

    def _after_death(self, now: float, lived: float) -> None:
        self.ready, self.health = False, "none"
        if self.one_shot:
            if self.exit_code == 0:
                self._end("completed", "")
            else:
                self._end("failed", self.reason)
            return
        policy = self.service["restart"]
        self.deaths = 1 if lived >= LONG_LIFE else self.deaths + 1
        allowed = DEATHS_ALLOWED if self.ever_ready else DEATHS_ALLOWED_AT_START
        hopeless = self.exit_code in SHELL_FAILURES and not self.ever_ready
        if policy == "no" or (policy == "on-failure" and self.exit_code == 0) or hopeless or self.deaths >= allowed:
            self._end("failed", self.reason + (f", {self.deaths} times in a row" if self.deaths > 1 else ""))
            return
        wait = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (self.deaths - 1))
        self.state, self.retry_at, self.changed = "backoff", now + wait, True
        self.restarts += 1
        self.note(self.service.get("name", self.name), f"{self.name} {self.reason}; it starts again in {wait:g} s")

    def _end(self, state: str, reason: str) -> None:
        self.state, self.reason, self.changed, self.ready, self.health = state, reason, True, False, "none"
        if state == "failed":
            self.note(self.service.get("name", self.name), f"{self.name} {reason}")
        elif state == "completed":
            self.note(self.service.get("name", self.name), f"{self.name} completed")

    def _cause(self, known: bool) -> str:
        lived = self.ended_at - self.started_at
        if not known:
            return UNWATCHED
        if self.signal:
            return f"was ended by {self.signal} after {lived:.1f} s"
        remark = SHELL_FAILURES.get(self.exit_code, "")
        if self.exit_code > 128 and not remark:
            # A shell says so when the program it ran was ended by a signal.
            remark = signal_name(self.exit_code - 128)
        return f"exited with code {self.exit_code} after {lived:.1f} s" + (f": {remark}" if remark else "")

    def record(self) -> dict:
        """What the state file says of this instance."""
        return {
            "service": self.service.get("name", self.name), "phase": self.state, "pid": self.pid, "start": self.start,
            "launch": self.launch, "version": self.version, "ready": self.ready,
            "ever_ready": self.ever_ready, "health": self.health, "restarts": self.restarts,
            "deaths": self.deaths, "exit_code": self.exit_code, "signal": self.signal, "reason": self.reason,
            "started_at": self.started_at, "ended_at": self.ended_at,
        }

    def _close_handle(self) -> None:
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def _close_checkup(self) -> None:
        if self.checkup is not None:
            self.checkup.close()
            self.checkup = None
