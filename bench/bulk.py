"""The cancel of very many waiting tasks: that it ends, can be aborted half-way, and says what it did."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_least, at_most
from bench.hub import running_hub
from bench.size import Size
from hub.tests.system.running_hub import RunningHub
from tasks.states import ENDED

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 1800
WHICH = {"do": "cancel", "q": "job:demo.sleep state:scheduled"}


def run(size: Size) -> list[Figure]:
    """One cancel that is aborted at half, and one that does the rest; each asked for what it says, and the tasks what
    became of them."""
    with running_hub() as hub:
        command = [sys.executable, "-m", "bench.waiting", str(size.waiting)]
        subprocess.run(command, cwd=ROOT, env=hub.environ, check=True)
        asked = hub.post("/api/tasks/bulk/preview", WHICH).body["count"]
        began = time.monotonic()
        first = hub.post("/api/tasks/bulk", WHICH).body["id"]
        _until(hub, first, lambda seen: seen["total"] >= size.waiting / 2)
        half = time.monotonic() - began
        stopped = time.monotonic()
        hub.call("DELETE", f"/api/tasks/{first}")
        aborted = _until(hub, first, _has_ended, 0.25)
        stopped = time.monotonic() - stopped
        left = hub.post("/api/tasks/bulk/preview", WHICH).body["count"]
        second = hub.post("/api/tasks/bulk", WHICH).body["id"]
        rest, seconds = _until(hub, second, _has_ended), time.monotonic() - began
        after = hub.post("/api/tasks/bulk/preview", WHICH).body["count"]
    wrong = abs(size.waiting - asked) + abs(size.waiting - left - aborted["done"]) + abs(left - rest["done"]) + after
    return [
        Figure(f"cancel of {size.waiting:,} waiting tasks", size.waiting / seconds, "/s", at_least(100),
               f"{seconds:.0f} s in all, aborted once after {half:.0f} s"),
        Figure("from the abort until it had stopped", stopped, "s", at_most(5), f"its task: {aborted['state']}"),
        Figure("tasks of which it says something else than is", wrong, "", at_most(0),
               f"aborted: {aborted['done']:,} done, {left:,} left; then {rest['done']:,} done; {after} wait still"),
    ]


def _has_ended(seen: dict[str, Any]) -> bool:
    return seen["state"] in ENDED


def _until(hub: RunningHub, task: str, met: Callable[[dict[str, Any]], bool], pause: float = 2.0) -> dict[str, Any]:
    """What it has come to when that is so; asked seldom, for who asks takes time from who works."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        seen = hub.get(f"/api/tasks/bulk/{task}?limit=1").body
        if met(seen):
            return seen
        time.sleep(pause)
    raise TimeoutError(f"{task} goes on after {PATIENCE} s.")
