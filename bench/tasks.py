"""How fast tasks run beside RQ without anything, and beside Celery, Dramatiq and Huey: no-op tasks a second at two
workers, what an enqueue costs, how soon an idle worker takes a task, and how much memory it needs. On SQLite, and on
PostgreSQL where `initdb` is there. All take turns, so that a busy machine is busy for all; medians are compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import peers
from bench.figures import Figure, at_least, at_most, median
from bench.postgresql import postgresql
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20


def run(size: Size) -> list[Figure]:
    """The figures of each database; those of the peers, who have none, from the run on SQLite."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        beside = peers.python() if size.peers else None
        figures = _figures("SQLite", _measure("", size, beside))
        if url:
            figures += _figures("PostgreSQL", _measure(url, size, None))
    return figures


def _measure(url: str, size: Size, beside: Path | None) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.rounds", str(size.rounds), str(size.tasks)]
    command += [str(beside)] if beside is not None else []
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}.")
    return json.loads(done.stdout.splitlines()[-1])


def _figures(database: str, seen: dict[str, Any]) -> list[Figure]:
    hub, rq = seen["hub"], seen["rq"]
    # Each round of Hub's beside the round of RQ's that came next.
    factors = [ours / theirs for ours, theirs in zip(hub["rates"], rq["rates"], strict=True)]
    more = (hub["enqueue"] - rq["enqueue"]) * 1000
    rounds = ", ".join(f"{factor:.2f}" for factor in factors)
    cpu = median(rq["cpu"])
    figures = [
        Figure(f"no-op tasks beside RQ's, {database}", median(factors), "×", at_least(2), f"rounds: {rounds}"),
        Figure(f"no-op tasks, Hub, {database}", median(hub["rates"]), "1/s", None, "two workers, tracked"),
        Figure(f"no-op tasks, RQ, beside {database}", median(rq["rates"]), "1/s", None, "pool of two, no database"),
        Figure(f"processor time of a task, Hub, {database}", median(hub["cpu"]), "ms", None,
               f"workers and Redis, not a database's server; RQ: {cpu:.1f} ms"),
        Figure(f"enqueue p95 − RQ's, {database}", more, "ms", at_most(5),
               f"{hub['enqueue'] * 1000:.1f} − {rq['enqueue'] * 1000:.1f} ms, in turns"),
        Figure(f"pick-up on an idle worker p95, {database}", seen["pick_up"] * 1000, "ms", at_most(30)),
        Figure(f"memory of an idle worker, {database}", seen["memory"] / MIB, "MiB", at_most(70),
               "with its work horse; PSS"),
    ]
    for peer in peers.PEERS:
        if peer.name in seen:
            figures += [
                Figure(f"no-op tasks, {peer.name}", median(seen[peer.name]["rates"]), "1/s", None,
                       "two processes; no database, no record of what was done"),
                Figure(f"enqueue p95, {peer.name}", seen[peer.name]["enqueue"] * 1000, "ms"),
            ]
    return figures
