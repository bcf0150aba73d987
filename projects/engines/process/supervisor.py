"""The process that watches one stack: `python -m projects.engines.process.supervisor <run_dir>`.

It belongs to nobody: it forks once more at its start, so whoever started it can wait for it and go on. All it knows
is in files (see `rundir`); a signal only wakes it up. It may be killed at any moment: the services go on, and the
next supervisor adopts them. It ends by itself when the stack is down. It imports nothing but a few small modules,
because there is one of it for every stack.
"""

import ctypes
import os
import select
import signal
import sys
import time

from projects.engines.process.adoption import restore, strangers
from projects.engines.process.family import Ending, Family
from projects.engines.process.instance import LEFTOVER_GRACE, TURN_WHILE_ENDING, Instance
from projects.engines.process.processes import boot_id, stat_of
from projects.engines.process.rundir import RunDir

PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 15, 36
LONGEST_SLEEP = 2.0
DISK_FULL_RETRY = 1.0
KEPT_OCCURRENCES, OCCURRENCE_AGE = 50, 900.0


class Supervisor:
    """Brings what runs to what is wished, one turn at a time; writes down what it sees."""

    def __init__(self, rundir: RunDir):
        self.rundir = rundir
        self.wish: dict = {}
        self.wish_stamp: tuple | None = None
        self.instances: dict[str, Instance] = {}
        self.occurrences: list[dict] = []
        self.launches = 0
        self.changed = self.moved = True
        self.phase = ""
        self.sweep: Ending | None = None
        self.unwritten_until = 0.0
        self.leaving = False
        self.wakeup = self._listen()
        # Its marker is in the wish, which is read later.
        self.family = Family("")
        self.me = stat_of(os.getpid())

    def _listen(self) -> int:
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        # Asked to go (the machine shuts down): the services are left alone, the next supervisor adopts them.
        signal.signal(signal.SIGTERM, self._leave)
        return reading

    def _leave(self, *_) -> None:
        self.leaving = True

    # The whole life

    def run(self) -> None:
        self._read_wish()
        if self.wish.get("boot_id") != boot_id():
            return
        self.family.marker = self.wish["marker"]
        self._adopt()
        while not self.leaving:
            if self._turn():
                return
            self._sleep()

    def _adopt(self) -> None:
        state = self.rundir.state()
        records = state.get("instances", {}) if state.get("boot_id") == self.wish["boot_id"] else {}
        self.occurrences = state.get("occurrences", [])
        self.family.look()
        labels = [label.launch for _, label in self.family.labelled()]
        self.launches = max([state.get("launches", 0), *labels])
        for name in records:
            if name not in self.instances:
                self.instances[name] = Instance(name, self.family, self._note)
        self._apply_wish()
        for name, instance in self.instances.items():
            restore(instance, records.get(name, {}), self.family, self._log_path(instance))
        self._apply_wish()
        left = strangers(list(self.instances.values()), self.family)
        if left:
            known = {pid: stat.start for pid, stat in left.items()}
            self.sweep = Ending(self.family, known, signal.SIGTERM, LEFTOVER_GRACE, instance="")

    # One turn

    def _turn(self) -> bool:
        """Do everything that is due. True when the stack is down and all is written."""
        self._drain()
        if self._read_wish():
            self._apply_wish()
        self._reap()
        if self.sweep is None or self.sweep.below is None:
            self._stop_outdated()
        if self.sweep is None and self.wish["desired"] == "up":
            self._begin_satisfied()
        now = time.monotonic()
        for instance in self.instances.values():
            instance.advance(now)
        self._forget_unwished()
        finished = self._sweep_turn()
        self._write_state("down" if finished else "up", now)
        return finished

    def _stop_outdated(self) -> None:
        for instance in self.instances.values():
            if instance.state in ("running", "clearing") and instance.outdated:
                going = [
                    other for other in self.instances.values()
                    if other.has_process and not other.wanted
                    and instance.service.get("name") in other.service.get("depends_on", ())
                ]
                # What goes for good waits for those that still use it; a replacement does not.
                if instance.wanted or not going:
                    instance.stop()

    def _begin_satisfied(self) -> None:
        by_service: dict[str, list[Instance]] = {}
        for instance in self.instances.values():
            by_service.setdefault(instance.service.get("name", ""), []).append(instance)
        for instance in self.instances.values():
            if instance.state != "waiting" or not instance.wanted:
                continue
            waits_for = [
                name for name in instance.service["depends_on"]
                if not all(other.satisfied for other in by_service.get(name, ()))
            ]
            if waits_for:
                reason = "waits for " + " and ".join(waits_for)
                if reason != instance.reason:
                    instance.reason, instance.changed = reason, True
                continue
            self.launches += 1
            instance.begin(self.wish["folder"], self._log_path(instance), self.launches)

    def _forget_unwished(self) -> None:
        for name in [name for name, one in self.instances.items() if not one.wanted and one.state == "stopped"]:
            if self.wish["desired"] == "up":
                del self.instances[name]
                self.changed = True

    def _sweep_turn(self) -> bool:
        """End what no instance answers for: at adoption, and last of all when the stack goes down."""
        down = self.wish["desired"] == "down"
        if self.sweep is None and down and not any(one.has_process for one in self.instances.values()):
            self.family.look()
            self.sweep = Ending(self.family, {}, signal.SIGTERM, LEFTOVER_GRACE, below=os.getpid())
        if self.sweep is None:
            return False
        self.family.look_again()
        if not self.sweep.advance():
            return False
        last = self.sweep.below is not None
        self.sweep = None
        # A start may have been wished meanwhile.
        return last and down and not self._read_wish()

    # Children, time, files

    def _reap(self) -> None:
        by_pid = {one.pid: one for one in self.instances.values() if one.has_process and not one.adopted}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in by_pid:
                by_pid[pid].ended(status)

    def _drain(self) -> None:
        try:
            while os.read(self.wakeup, 4096):
                continue
        except BlockingIOError:
            return

    def _sleep(self) -> None:
        now = time.monotonic()
        until = now + (TURN_WHILE_ENDING if self.sweep else LONGEST_SLEEP)
        if self.moved:
            # One move may allow the next, of the same instance or of one that depends on it.
            until = now
        poller = select.poll()
        poller.register(self.wakeup, select.POLLIN)
        for instance in self.instances.values():
            until = min(until, instance.due)
            if instance.handle is not None:
                poller.register(instance.handle, select.POLLIN)
            if instance.checkup is not None:
                for talk, events in instance.checkup.sockets().items():
                    poller.register(talk, events)
        if self.changed:
            until = min(until, max(now, self.unwritten_until))
        poller.poll(max(0.0, until - now) * 1000)

    def _read_wish(self) -> bool:
        """Read the wish when its file is a new one. True when it was."""
        try:
            found = os.stat(self.rundir.wish_path)
        except OSError:
            if not os.path.exists(self.rundir.lock_path) and self.wish.get("desired") == "up":
                # The folder was deleted: nobody could ever reach this stack again, so it ends.
                self.wish = {**self.wish, "desired": "down"}
                return True
            return False
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp == self.wish_stamp:
            return False
        wish = self.rundir.wish()
        if not wish:
            return False
        self.wish, self.wish_stamp, self.changed = wish, stamp, True
        for service in wish["services"]:
            for one in service["instances"]:
                if one["name"] not in self.instances:
                    self.instances[one["name"]] = Instance(one["name"], self.family, self._note)
        return True

    def _apply_wish(self) -> None:
        wished = set()
        if self.wish["desired"] == "up":
            for service in self.wish["services"]:
                for one in service["instances"]:
                    self.instances[one["name"]].wish_for(service, one)
                    wished.add(one["name"])
        for name, instance in self.instances.items():
            if name not in wished:
                instance.unwish()

    def _log_path(self, instance: Instance) -> str:
        return self.rundir.log_path(self.wish["run"], instance.name)

    def _note(self, service: str, message: str) -> None:
        now = time.time()
        fresh = [entry for entry in self.occurrences if entry["at"] > now - OCCURRENCE_AGE]
        self.occurrences = [*fresh, {"at": now, "service": service, "message": message}][-KEPT_OCCURRENCES:]
        self.changed = True

    def _write_state(self, phase: str, now: float) -> None:
        self.moved = any(instance.changed for instance in self.instances.values())
        self.changed = self.changed or self.moved
        for instance in self.instances.values():
            instance.changed = False
        if (not self.changed and phase == self.phase) or now < self.unwritten_until:
            return
        self.phase = phase
        try:
            self.rundir.write_state({
                "boot_id": self.wish["boot_id"],
                "supervisor": self.me.identity,
                "seen": self.wish["serial"],
                "phase": phase,
                "launches": self.launches,
                "instances": {name: instance.record() for name, instance in self.instances.items()},
                "occurrences": self.occurrences,
            })
            self.changed = False
        except OSError as error:
            # A full disk, or a folder that is gone: the services go on, and the state is written when it can be.
            self.unwritten_until = now + DISK_FULL_RETRY
            print(f"state not written: {error}", file=sys.stderr, flush=True)


def prctl(option: int, value) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def main(path: str) -> None:
    """Leave whoever started us, and watch the stack of that folder, unless somebody does already."""
    if os.fork() != 0:
        os._exit(0)
    os.chdir("/")
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_NAME, ctypes.c_char_p(b"hub-supervisor"))
    rundir = RunDir(path)
    supervisor = Supervisor(rundir)
    lock = rundir.take_lock()
    if lock is not None:
        rundir.sign(lock)
        supervisor.run()


if __name__ == "__main__":
    main(sys.argv[1])
