"""The stream of events: how fast the relay is, what a query takes among very many, and what is lost in a storm; on
SQLite, and on PostgreSQL where `initdb` is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import followers
from bench.figures import Figure, at_least, at_most
from bench.postgresql import postgresql
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent
FASTEST = {"SQLite": 2000, "PostgreSQL": 5000}


def run(size: Size) -> list[Figure]:
    """The figures of each database."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        figures = _figures("SQLite", _measure("", size), size)
        if url:
            figures += _figures("PostgreSQL", _measure(url, size), size)
        figures += followers.measure("", size)
    # Of its own: a Hub takes a whole database.
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        if url:
            figures += followers.measure(url, size)
    return figures


def _measure(url: str, size: Size) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.event_rounds", str(size.listed), str(size.stormed), str(size.searches)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, check=True,
                          stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _figures(database: str, seen: dict[str, Any], size: Size) -> list[Figure]:
    query, slowest, worst = seen["query"]
    storm = seen["storm"]
    kills = ", ".join(f"{number} × {name}" for name, number in sorted(storm["kills"].items()))
    return [
        Figure(f"relay, {database}", seen["relay"], "/s", at_least(FASTEST[database]), "positions and Redis, in turns"),
        Figure(f"from a commit to who follows, p95, {database}", seen["followed"], "ms", at_most(250),
               "30 events a second, in one process, without HTTP"),
        Figure(f"a page of 50 among {size.listed:,} events, p95, {database}", query, "ms", at_most(100),
               f"slowest: {slowest}, p95 {worst:.1f} ms"),
        *(Figure(f"storm: {name}, {database}", number, "", at_most(0)) for name, number in storm["faults"].items()),
        Figure(f"storm: events, {database}", storm["written"], "", at_least(size.stormed),
               f"8 writers; killed: {kills}; {storm['cuts']} cuts of readers; {storm['seconds']:.0f} s"),
    ]
