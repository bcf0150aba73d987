"""How long it takes until all go on, or end, that wait for one task; what an enqueue of another process waits
meanwhile; and what it costs to enqueue a task that waits. On SQLite, and on PostgreSQL where `initdb` is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_most, median, p95
from bench.postgresql import postgresql
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent


def run(size: Size) -> list[Figure]:
    """The figures of each database."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        figures = _figures("SQLite", size, _measure("", size))
        return figures + (_figures("PostgreSQL", size, _measure(url, size)) if url else [])


def _measure(url: str, size: Size) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.release_rounds", str(size.dependents), str(size.enqueues)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}.")
    return json.loads(done.stdout.splitlines()[-1])


def _figures(database: str, size: Size, seen: dict[str, Any]) -> list[Figure]:
    figures = []
    for name, shape in seen["shapes"].items():
        what = f"{size.dependents} {name}, {database}"
        figures.append(Figure(what, shape["seconds"], "s", at_most(5), f"processor time {shape['cpu']:.2f} s"))
        if shape["beside"]:
            figures.append(Figure(f"an enqueue meanwhile p95, {what}", p95(shape["beside"]) * 1000, "ms", None,
                                  f"of {len(shape['beside'])}, longest {max(shape['beside']) * 1000:.0f} ms"))
    plain = median(seen["enqueue"]["plain"])
    for name, times in seen["enqueue"].items():
        if name != "plain":
            figures.append(Figure(f"an enqueue {name}, {database}", median(times) / plain, "×", at_most(5),
                                  f"{median(times) * 1000:.1f} ms beside {plain * 1000:.1f} ms, in turns"))
    return figures
