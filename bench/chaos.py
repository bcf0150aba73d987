"""10,000 tasks over 4 workers and 3 lanes, on SQLite or what DATABASE_URL names, while work horses, workers, `watch`
and Redis are killed at random: is anything lost, run twice at once, or stuck? What is counted, and how, says
`tasks.tests.chaos`. `python -m bench.chaos TASKS [SEED]` makes another run, with exit code 1 when it does not hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_most
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent
SEED = 1


def run(size: Size) -> list[Figure]:
    """What must be nothing, and the longest time for which a task was in nobody's hands."""
    verdict = verdict_of(size.chaos_tasks)
    said = f"seed {SEED}"
    return [
        Figure("tasks that did not end", verdict["tasks"] - sum(verdict["ended"].values()), "", at_most(0), said),
        Figure("tasks that ran twice at a time", verdict["twice"], "", at_most(0), said),
        Figure("attempts that wrote after another had begun", verdict["unfenced"], "", at_most(0), said),
        Figure("longest time in nobody's hands", verdict["stuck"], "s", at_most(60), said),
        Figure("rows that are missing", verdict["missing"], "", at_most(0), said),
        Figure("duration", verdict["seconds"], "s", None, f"{verdict['tasks']} tasks; killed: {verdict['kills']}"),
    ]


def verdict_of(tasks: int, seed: int = SEED) -> dict[str, Any]:
    """The verdict of a run in a process, Redis, database and folder of its own: `{"holds", "text", "tasks", "ended",
    "missing", "twice", "unfenced", "stuck" (s), "kills", "seconds"}`. RuntimeError when there is none."""
    command = [sys.executable, "-m", "bench.killing", str(tasks), str(seed)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}.")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    found = verdict_of(*map(int, sys.argv[1:3]))
    print(found["text"])
    sys.exit(0 if found["holds"] else 1)
