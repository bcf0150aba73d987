"""How fast a list of very many tasks is, and search in it: on SQLite, and on PostgreSQL where `initdb` is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.figures import Figure, at_most
from bench.postgresql import postgresql
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent
SAID = {
    "list": ("page of the list", 50), "deep": ("page 10,000 of the list", 50), "filters": ("page with a filter", 50),
    "text": ("page of a full text search", 60), "query": ("query of the list alone", 10),
}  # fmt: skip


def run(size: Size) -> list[Figure]:
    """The pages and queries of each database, p95."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        figures = _figures("SQLite", _measure("", Path(scratch) / "sqlite", size), size)
        if url:
            figures += _figures("PostgreSQL", _measure(url, Path(scratch) / "beside", size), size)
    return figures


def _measure(url: str, data: Path, size: Size) -> dict[str, list]:
    command = [sys.executable, "-m", "bench.search_rounds", str(size.listed), str(size.searches)]
    environment = {**os.environ, "DATABASE_URL": url, "HUB_DATA": str(data), "REDIS_URL": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _figures(database: str, seen: dict[str, list], size: Size) -> list[Figure]:
    figures = [
        Figure(f"{name} of {size.listed:,}, p95, {database}", seen[key][0], "ms", at_most(bound), seen[key][1])
        for key, (name, bound) in SAID.items()
    ]
    ratio, note = seen["enqueue"]
    name = f"enqueue, beside one without what search needs, {database}"
    return [*figures, Figure(name, ratio, "×", at_most(1.15), note)]
