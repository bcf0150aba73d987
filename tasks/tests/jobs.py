"""Jobs that behave in all the ways that jobs behave. Each says what it did in the file `params["file"]`."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from events.actions import record
from tasks.cancellation import TaskCancelled, TaskTimedOut
from tasks.job import Child, Job, JobFailed
from tasks.models import Task

MOUTHFUL = 8 << 20


class Trial(Job):
    """Says when it runs and which of its hooks is called."""

    def say(self, word: str) -> None:
        with Path(self.params["file"]).open("a") as file:
            file.write(f"{word}\n")

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        record("trial.hook", {"task": str(self.task.pk), "hook": "succeeded", "result": result})

    def on_failed(self, error: str) -> None:
        record("trial.hook", {"task": str(self.task.pk), "hook": "failed", "error": error})

    def on_cancelled(self) -> None:
        record("trial.hook", {"task": str(self.task.pk), "hook": "cancelled"})


class Say(Trial):
    name = "trial.say"

    def run(self) -> dict[str, Any]:
        self.say(self.params.get("word", "ran"))
        self.log("said it", source="mouth")
        return {"pid": os.getpid()}


class Fail(Trial):
    name = "trial.fail"

    def run(self) -> None:
        self.log("about to fail")
        raise JobFailed("The cat sat on the keyboard.", "It was a big cat.")


class Raise(Trial):
    name = "trial.raise"

    def run(self) -> None:
        raise LookupError("nothing here")


class NoJson(Trial):
    name = "trial.no-json"

    def run(self) -> Any:
        return {"when": object()}


class Patient(Trial):
    """Waits in one long system call until it is stopped, tidies up (for `tidies` seconds), and says so."""

    name = "trial.patient"

    def run(self) -> None:
        self.progress.plan([("wait", "Wait for ever")])
        self.progress.update("wait")
        self.say("began")
        try:
            time.sleep(600)
        except TaskCancelled:
            time.sleep(self.params.get("tidies", 0))
            self.say("tidied")
            raise


class Again(Patient):
    """As Patient, but may be tried again, and has done its work on the second try."""

    name = "trial.again"
    max_attempts = 2

    def run(self) -> None:
        if self.task.attempt == 1:
            super().run()
        self.say("second")


class Stubborn(Trial):
    """Will not stop, and has a child in its process group that will not stop either."""

    name = "trial.stubborn"
    cancel_grace = 1.0

    def run(self) -> None:
        child = subprocess.Popen(["sh", "-c", "trap '' TERM USR1; while :; do sleep 1; done"])
        self.say(f"child {child.pid}")
        while True:
            try:
                time.sleep(600)
            except TaskCancelled:
                self.say("ignored")


class Slow(Trial):
    """Longer than it may take; says when it is told."""

    name = "trial.slow"
    timeout = 1

    def run(self) -> None:
        try:
            time.sleep(600)
        finally:
            self.say("told")


class Exit(Trial):
    name = "trial.exit"

    def run(self) -> None:
        self.progress.plan([("leave", "Leave without a word")])
        self.progress.update("leave")
        time.sleep(0.3)  # until the step is written
        os._exit(3)


class Shot(Trial):
    name = "trial.shot"

    def run(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class BadHook(Trial):
    """Does its work, but what follows writes a row and then raises."""

    name = "trial.bad-hook"

    def run(self) -> dict[str, Any]:
        return {"fine": True}

    def on_succeeded(self, result: dict[str, Any] | None) -> None:
        Task.objects.filter(pk=self.task.pk).update(title="half-done")
        raise RuntimeError("no room at the inn")


class Steps(Trial):
    """`{"steps": [[key, seconds, total], ...]}`: each takes so long, counting up to its total."""

    name = "trial.steps"

    def run(self) -> None:
        self.progress.plan([(key, key.title()) for key, _, _ in self.params["steps"]])
        for key, seconds, total in self.params["steps"]:
            self.progress.update(key, done=0, total=total)
            for number in range(1, total + 1):
                time.sleep(seconds / total)
                self.progress.update(key, done=number)
            self.progress.finish(key)


class Deaf(Trial):
    """Is told that its time is over, says so, and goes on until it is killed."""

    name = "trial.deaf"
    timeout = 1
    hard_timeout = 2

    def run(self) -> None:
        while True:
            try:
                time.sleep(600)
            except TaskTimedOut:
                self.say("told")


class Flaky(Trial):
    """Does what `params["do"]` says for each attempt, and then again as last: ok, fail, die, time or value."""

    name = "trial.flaky"
    max_attempts = 2
    retries = 2
    backoff = 0.2
    timeout = 1
    no_retry_on = (ValueError,)

    def run(self) -> None:
        doings = self.params["do"].split()
        doing = doings[min(self.task.attempt, len(doings)) - 1]
        self.say(doing)
        if doing == "fail":
            raise JobFailed(f"Attempt {self.task.attempt} did not work.", "A detail.")
        if doing == "die":
            os._exit(7)
        if doing == "time":
            time.sleep(600)
        if doing == "value":
            raise ValueError("never again")


class LaterFlaky(Flaky):
    """As Flaky, but in no hurry."""

    name = "trial.later"
    backoff = backoff_cap = 600.0


class Family(Trial):
    """Begins `params["children"]` (words; "bad" fails) and waits for them; then says what became of each."""

    name = "trial.family"
    max_attempts = 3

    def run(self) -> dict[str, Any]:
        if not self.children:
            self.say("parent")
            self.progress.plan([("wait", "Wait for the children")])
            if self.params.get("die") == self.task.attempt:
                os.kill(os.getpid(), signal.SIGKILL)
            raise self.wait_for(
                [self._child(word) for word in self.params["children"]],
                unless_succeeded=self.params.get("unless", "run"),
            )
        return {"children": [[child.params.get("word"), child.state, child.result] for child in self.children]}

    def _child(self, word: str) -> Child:
        params = {"file": self.params["file"], "word": word}
        return Child(Fail if word == "bad" else Patient if word == "patient" else Echo, params)


class Echo(Trial):
    name = "trial.echo"

    def run(self) -> dict[str, Any]:
        self.say(self.params["word"])
        return {"word": self.params["word"]}


class Nobody(Trial):
    """Waits for nobody."""

    name = "trial.nobody"

    def run(self) -> None:
        raise self.wait_for([])


class Hungry(Trial):
    """Takes memory until it may have no more, 8 MB at a time; `most` bytes where nobody hinders it. With `room` its
    process may have so many bytes more, and no more."""

    name = "trial.hungry"
    own_process = True

    def run(self) -> None:
        self.progress.plan([("eat", "Eat")])
        self.progress.update("eat")
        if room := self.params.get("room"):
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room,) * 2)
        eaten: list[bytes] = []
        while len(eaten) * MOUTHFUL < self.params["most"]:
            eaten.append(os.urandom(MOUTHFUL))
            self.log(f"ate {len(eaten) * MOUTHFUL >> 20} MB")
            time.sleep(self.params.get("chews", 0))
