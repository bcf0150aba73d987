"""How fast analytics answers with a year of tasks behind it, and with ten times as many: on SQLite, and on PostgreSQL
where `initdb` is there. The tasks themselves are not there: what is asked is answered by the roll-ups alone."""

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
SAID = {"cold": ("dashboard, cold", 150), "warm": ("dashboard, warm", 30), "chart": ("chart of 90 days", 100),
        "jobs": ("jobs and projects, cold", 150), "pass": ("a pass of watch", 200)}
TIMES = 10


def run(size: Size) -> list[Figure]:
    """Each page of each database, median, and how much of it is due to ten times as many tasks."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch, postgresql(Path(scratch)) as url:
        figures = _figures("SQLite", "", Path(scratch), size)
        if url:
            figures += _figures("PostgreSQL", url, Path(scratch), size)
    return figures


def _figures(database: str, url: str, scratch: Path, size: Size) -> list[Figure]:
    small = _measure(url, scratch / f"{database}-1", size.counted, size)
    large = _measure(url, scratch / f"{database}-10", TIMES * size.counted, size)
    figures = [Figure(f"{name}, {size.counted:,} tasks, {database}", small[key][0], "ms", at_most(bound), small[key][1])
               for key, (name, bound) in SAID.items()]
    return [*figures, *(
        Figure(f"{name}, {TIMES} times as many tasks, {database}", large[key][0] / small[key][0], "×", at_most(1.2),
               f"{large[key][0]:.1f} ms; {large['rows'][0]:,} buckets instead of {small['rows'][0]:,}")
        for key, (name, _) in SAID.items() if key in ("cold", "chart"))]


def _measure(url: str, data: Path, tasks: int, size: Size) -> dict[str, list]:
    command = [sys.executable, "-m", "bench.analytics_rounds", str(tasks), str(size.searches)]
    environment = {**os.environ, "DATABASE_URL": url, "HUB_DATA": str(data), "REDIS_URL": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
