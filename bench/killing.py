"""`python -m bench.killing TASKS SEED`: the run behind `bench.chaos`; prints its verdict as one line of JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from bench import apart  # first: it sets Django up
from tasks.tests.chaos import Chaos

PAUSE, PATIENCE = 1.0, 120.0


def main(tasks: int, seed: int) -> None:
    with apart.hub() as hub, tempfile.TemporaryDirectory(prefix="hub-chaos-") as folder:
        verdict = Chaos(Path(folder), hub.environ, hub.redis, seed=seed).run(tasks, pause=PAUSE, patience=PATIENCE)
    print(json.dumps({
        "holds": verdict.holds, "text": str(verdict), "tasks": tasks, "ended": verdict.ended,
        "missing": verdict.missing, "twice": verdict.twice, "unfenced": verdict.unfenced, "stuck": verdict.stuck,
        "kills": verdict.kills, "seconds": verdict.seconds,
    }))  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
