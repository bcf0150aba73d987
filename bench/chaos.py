"""`python -m bench.chaos [TASKS] [SEED]`: 10,000 tasks over 4 workers and 3 lanes, on SQLite or what DATABASE_URL
names, while work horses, workers, `watch` and Redis are killed at random. Exit code 1 when anything was lost, ran twice
at once, or was stuck. What is counted, and how, says `tasks.tests.chaos`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TASKS, QUICK_TASKS, SEED = 10_000, 300, 1


def run(tasks: int = TASKS, seed: int = SEED) -> dict[str, Any]:
    """The verdict of a run in a process, Redis, database and folder of its own: `{"holds", "text", "tasks", "ended",
    "missing", "twice", "unfenced", "stuck" (s), "kills", "seconds"}`. RuntimeError when there is none."""
    command = [sys.executable, "-m", "bench.killing", str(tasks), str(seed)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}.")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    verdict = run(*map(int, sys.argv[1:3]))
    print(verdict["text"])
    sys.exit(0 if verdict["holds"] else 1)
