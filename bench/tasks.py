"""`python -m bench.tasks`: how fast tasks run beside RQ without anything: no-op tasks a second at two workers, what an
enqueue costs, how soon an idle worker takes a task, and how much memory it needs. On SQLite, and on PostgreSQL where
`initdb` is there. Both sides take turns, so that a busy machine is busy for both; the medians are compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.postgresql import postgresql

ROOT = Path(__file__).resolve().parent.parent
ROUNDS, QUICK_ROUNDS = 5, 1
# What was aimed at: tasks/s in multiples of RQ's, seconds more than RQ's, seconds, bytes.
FACTOR, ENQUEUE_MORE, PICK_UP, MEMORY = 2.0, 0.005, 0.030, 70 * 2**20


def run(rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """By database (`sqlite`, `postgresql` when there is one): `{"hub_rate", "rq_rate" (tasks/s), "factor",
    "hub_enqueue", "rq_enqueue", "pick_up" (p95, s), "memory" (bytes for each idle worker), "holds": {aim: bool}}`."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        databases = {"sqlite": "", **({"postgresql": url} if url else {})}
        return {name: _measure(url, rounds) for name, url in databases.items()}


def _measure(url: str, rounds: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.rounds", str(rounds)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}.")
    seen = json.loads(done.stdout.splitlines()[-1])
    seen["factor"] = seen["hub_rate"] / seen["rq_rate"]
    seen["holds"] = {
        f"≥ {FACTOR:g} × RQ's tasks/s": seen["factor"] >= FACTOR,
        f"enqueue p95 ≤ RQ's + {ENQUEUE_MORE * 1000:g} ms": seen["hub_enqueue"] <= seen["rq_enqueue"] + ENQUEUE_MORE,
        f"pick-up p95 ≤ {PICK_UP * 1000:g} ms": seen["pick_up"] <= PICK_UP,
        f"≤ {MEMORY / 2**20:g} MB for an idle worker": seen["memory"] <= MEMORY,
    }
    return seen


def describe(database: str, seen: dict[str, Any]) -> str:
    """The figures of one database as lines of text."""
    aims = "\n".join(f"  {'holds ' if holds else 'MISSED'} {aim}" for aim, holds in seen["holds"].items())
    return (f"{database}: {seen['hub_rate']:.0f} tasks/s, RQ {seen['rq_rate']:.0f}: {seen['factor']:.2f} ×; enqueue "
            f"p95 {seen['hub_enqueue'] * 1000:.1f} ms, RQ {seen['rq_enqueue'] * 1000:.1f} ms; pick-up p95 "
            f"{seen['pick_up'] * 1000:.1f} ms; {seen['memory'] / 2**20:.0f} MB for an idle worker\n{aims}")


if __name__ == "__main__":
    results = run(*map(int, sys.argv[1:2]))
    print(*(describe(database, seen) for database, seen in results.items()), sep="\n")
