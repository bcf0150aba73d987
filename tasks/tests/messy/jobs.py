"""Jobs that leave their process otherwise than they found it, each in one way."""

from __future__ import annotations

import fcntl
import importlib
import locale
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from tasks.job import Job
from tasks.models import Task
from tasks.tests.jobs import Trial

_kept: list[Any] = []


def _lock(path: str) -> None:
    file = open(path, "ab")  # noqa: SIM115 - left open is what this is about
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _kept.append(file)


def _eat(_: str) -> None:
    _kept.append(bytearray(os.urandom(1024) * 100 * 1024))


def _open_transaction(path: str) -> None:
    transaction.atomic().__enter__()
    Task.objects.update(title=path)


def _change_session(_: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE left_behind (number integer)")


MESSES: dict[str, Callable[[str], Any]] = {
    "folder": lambda _: os.chdir("/"),
    "environment": lambda _: os.environ.update(LEFT="behind"),
    "umask": lambda _: os.umask(0o111),
    "locale": lambda _: locale.setlocale(locale.LC_ALL, "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8"),
    "signals": lambda _: signal.signal(signal.SIGUSR2, signal.SIG_IGN),
    "blocked": lambda _: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2}),
    "timers": lambda _: signal.setitimer(signal.ITIMER_VIRTUAL, 1000),
    "limits": lambda _: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    "niceness": lambda _: os.nice(1),
    "threads": lambda _: threading.Thread(target=time.sleep, args=(600,), daemon=True).start(),
    "children": lambda _: _kept.append(subprocess.Popen(["sleep", "600"])),
    "grandchildren": lambda _: subprocess.run(["sh", "-c", "sleep 600 & "], check=True),
    "files": _lock,
    "memory": _eat,
}


class Mess(Trial):
    """`{"mess": its name}`; says its pid and what it sees of its process."""

    name = "trial.mess"

    def run(self) -> dict[str, Any]:
        name = self.params.get("mess")
        if name:
            MESSES[name](self.params["file"])
        return {"pid": os.getpid()}


class OpenTransaction(Trial):
    name = "trial.open-transaction"

    def run(self) -> None:
        _open_transaction("left open")


class ChangeSession(Trial):
    """Makes a temporary table, which it cannot do twice in one session of the database."""

    name = "trial.change-session"

    def run(self) -> dict[str, Any]:
        _change_session("")
        return {"pid": os.getpid()}


class Own(Trial):
    name = "trial.own"
    own_process = True

    def run(self) -> dict[str, Any]:
        return {"pid": os.getpid()}


class Heavy(Trial):
    """Imports a module that nothing else here does."""

    name = "trial.heavy"
    own_process = True
    heavy = ("colorsys",)

    def run(self) -> dict[str, Any]:
        was_here = "colorsys" in sys.modules
        importlib.import_module("colorsys")
        return {"was_here": was_here}


class Quick(Trial):
    """Runs for a random while, and is stopped at a random moment."""

    name = "trial.quick"

    def run(self) -> dict[str, Any]:
        time.sleep(self.params["seconds"])
        return {"pid": os.getpid()}


class Nothing(Job):
    """Does nothing, as the bench wants it."""

    name = "trial.nothing"

    def run(self) -> None:
        return None
