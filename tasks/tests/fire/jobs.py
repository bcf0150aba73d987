"""Jobs whose words prove what happened to them. Each says what it did in the file `params["file"]`."""

from __future__ import annotations

import fcntl
import subprocess
import time
from pathlib import Path

from tasks.job import Child, JobFailed
from tasks.models import Attempt
from tasks.tests.jobs import Trial


class Fenced(Trial):
    """Says its attempt's id when it begins and when it ends, and holds a lock in between, which the kernel lets go of
    when its process dies: whoever cannot take it runs while another attempt still does, and says so."""

    name = "trial.fenced"
    max_attempts = 100

    def run(self) -> None:
        attempt = self.task.attempts.get(number=self.task.attempt).pk
        with (Path(self.params["locks"]) / str(self.task.pk)).open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.say(f"twice {attempt}")
                return
            self.say(f"began {attempt}")
            self.work()
            self.say(f"ended {attempt}")

    def work(self) -> None:
        time.sleep(self.params["seconds"])


class FencedOnce(Fenced):
    """As Fenced, but must not be repeated."""

    name = "trial.fenced-once"
    max_attempts = 1


class FencedAgain(Fenced):
    """As Fenced, but its first attempt that lives so long fails."""

    name = "trial.fenced-again"
    retries = 3
    backoff = 0.5

    def work(self) -> None:
        super().work()
        if not self.task.attempts.filter(outcome=Attempt.Outcome.FAILED).exists():
            raise JobFailed("The first time it never works.")


class FencedFamily(Fenced):
    """As Fenced, and waits for two children before."""

    name = "trial.fenced-family"

    def work(self) -> None:
        if not self.children:
            raise self.wait_for([Child(Fenced, self.params, {"lane": self.task.lane}) for _ in range(2)])
        super().work()


class Held(Fenced):
    """As Fenced, and works until there is a file `params["release"]`."""

    name = "trial.held"

    def work(self) -> None:
        while not Path(self.params["release"]).exists():
            time.sleep(0.05)


class Careless(Trial):
    """Begins two processes, one the child of the other, says their pids, and never looks after them."""

    name = "trial.careless"

    def run(self) -> None:
        child = subprocess.Popen(["sh", "-c", "sleep 600 & echo $$ $!; wait"], stdout=subprocess.PIPE, text=True)
        self.say(f"{self.task.pk} {child.stdout.readline().strip()}")
        time.sleep(600)


class Lasting(Trial):
    """Runs as long as it is told, in small sleeps, and says its attempts."""

    name = "trial.lasting"
    max_attempts = 3

    def run(self) -> None:
        self.say(f"began {self.task.attempt}")
        ends = time.monotonic() + self.params["seconds"]
        while time.monotonic() < ends:
            time.sleep(min(self.params["seconds"], 0.2))
        self.say(f"ended {self.task.attempt}")
