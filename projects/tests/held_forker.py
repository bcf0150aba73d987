"""Forks workers whose starts stop at each stage: `python -m projects.tests.held_forker FOLDER`, a name on each line of
its input. See `held_workers`.

A start stops at the first word of every stage that is not in `FOLDER/tried`, says so in `FOLDER/held`, and goes on when
the stage is written there.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from projects.engines.base import Step  # noqa: E402
from projects.jobs.start import StartStack  # noqa: E402

PR_SET_PDEATHSIG = 1
PLANNED = "plan"
"""The stage before the first: what is to be done is known, and nothing of it has begun."""


def hold_starts(folder: Path) -> None:
    """From now on every start stops at each stage that was not tried."""
    follow = StartStack.follow

    def held(job: StartStack, steps: Generator[Step], **named: str) -> None:
        follow(job, _held(steps, folder), **named)

    StartStack.follow = held


def _held(steps: Generator[Step], folder: Path) -> Generator[Step]:
    plan: list[str] = []
    begun = False
    with closing(steps):
        for step in steps:
            begun = begun or step.done > 0 or step.key in plan
            if not begun:
                plan.append(step.key)
            _hold(step.key if begun else PLANNED, plan, folder)
            yield step


def _hold(stage: str, plan: list[str], folder: Path) -> None:
    tried = folder / "tried"
    if stage in tried.read_text().splitlines():
        return
    scratch = folder / f"held.{os.getpid()}"
    scratch.write_text(json.dumps({"stage": stage, "plan": plan, "pid": os.getpid()}))
    scratch.rename(folder / "held")
    while stage not in tried.read_text().splitlines():
        time.sleep(0.02)


def main(folder: Path) -> None:
    """Fork a worker for each line; they end with this process."""
    for module in StartStack.heavy:
        importlib.import_module(module)
    hold_starts(folder)
    connections.close_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setsid()
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            call_command("worker", name=line.strip())
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
