"""How fast a list of very many tasks is, and search in it: on SQLite, and on PostgreSQL where `initdb` is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.figures import Figure, at_most
from bench.postgresql import postgresql
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent
SAID = {
    "list": ("page of the list", 50), "deep": ("page 10,000 of the list", 50), "filters": ("page with a filter", 50),
    "pairs": ("page with two filters", 50), "text": ("page of a full text search", 60),
    "query": ("query alone, any of these filters, page 1 and 10,000", 10), "count": ("count, up to 500,000", None),
}  # fmt: skip


def run(size: Size) -> list[Figure]:
    """The pages and queries of each database, p95."""
    with _folder() as folder, postgresql(folder) as url:
        figures = _figures("SQLite", _measure("", folder / "sqlite", size, size.listed), size)
        if url:
            figures += _figures("PostgreSQL", _measure(url, folder / "beside", size, size.listed), size)
    return figures


def run_more(size: Size) -> list[Figure]:
    """Five times as many on PostgreSQL, beside the others."""
    with _folder() as folder, postgresql(folder) as url:
        if url is None:
            return []
        few = _measure(url, folder / "beside", size, size.listed)
        many = _measure(_five(url), folder / "beside", size, 5 * size.listed)
    return [Figure(f"{name}, p95, {5 * size.listed:,} / {size.listed:,}", many[key][0] / few[key][0], "×", at_most(1.5),
                   f"{many[key][0]:.1f} and {few[key][0]:.1f} ms; {many[key][1]}")
            for key, (name, bound) in SAID.items() if bound]


def _five(url: str) -> str:
    """The database of five times as many: a copy of the other one at first."""
    five = f"{url.rpartition('/')[0]}/five"
    with psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True) as database:
        if not database.execute("SELECT 1 FROM pg_database WHERE datname = 'five'").fetchone():
            with psycopg.connect(f"{url.rpartition('/')[0]}/template1".replace("postgres://", "postgresql://"),
                                 autocommit=True) as other:
                database.close()
                other.execute("CREATE DATABASE five TEMPLATE postgres")
    return five


@contextmanager
def _folder() -> Iterator[Path]:
    """HUB_BENCH_KEEP, where databases are made once; else one that is gone afterwards."""
    if kept := os.environ.get("HUB_BENCH_KEEP"):
        yield Path(kept)
    else:
        with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch:
            yield Path(scratch)


def _measure(url: str, data: Path, size: Size, tasks: int) -> dict[str, list]:
    command = [sys.executable, "-m", "bench.search_rounds", str(tasks), str(size.searches)]
    environment = {**os.environ, "DATABASE_URL": url, "HUB_DATA": str(data), "REDIS_URL": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _figures(database: str, seen: dict[str, list], size: Size) -> list[Figure]:
    figures = [
        Figure(f"{name} of {size.listed:,}, p95, {database}", seen[key][0], "ms", bound and at_most(bound),
               seen[key][1])
        for key, (name, bound) in SAID.items()
    ]
    ratio, note = seen["enqueue"]
    name = f"enqueue, beside one without what search needs, {database}"
    return [*figures, Figure(name, ratio, "×", at_most(1.15), note)]
