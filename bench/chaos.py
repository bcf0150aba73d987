"""`python -m bench.chaos [TASKS] [SEED]`: 10,000 tasks over 4 workers and 3 lanes, on SQLite or what DATABASE_URL
names, while work horses, workers, `watch` and Redis are killed at random.

Some of the tasks wait for others, have children, are tried again or cancelled. Exit code 1 when a bound is missed. What
is counted, and how, says `tasks.tests.fire.chaos`.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path

from django.db import connection

from bench import apart  # first: it sets Django up
from bench.figures import Figure, at_least, at_most, describe, machine, table
from tasks.tests.fire.chaos import LONGEST_STUCK, Chaos, Verdict

TASKS, SEED = 10_000, 1
# Seconds between two kills, and for the last tenth of the tasks to end.
PAUSE, PATIENCE = 1.0, 120.0
# Of 10,000 tasks; of fewer in proportion.
FEWEST_KILLS = 100


def run(tasks: int = TASKS, seed: int = SEED, pause: float = PAUSE, kills: float = math.inf
        ) -> tuple[Verdict, list[Figure]]:
    """The verdict of a run in a Redis, database and folder of its own, and its figures."""
    with apart.hub() as hub, tempfile.TemporaryDirectory(prefix="hub-chaos-") as folder:
        chaos = Chaos(Path(folder), hub.environ, hub.redis, seed=seed)
        verdict = chaos.run(tasks, pause=pause, patience=PATIENCE, most_kills=kills)
    return verdict, figures(verdict)


def figures(verdict: Verdict) -> list[Figure]:
    """Each fault has to be absent, and the kills have to be many."""
    kills = ", ".join(f"{number} × {name}" for name, number in sorted(verdict.kills.items()))
    ended = ", ".join(f"{number} {state}" for state, number in sorted(verdict.ended.items()))
    return [
        Figure("kills", sum(verdict.kills.values()), "", at_least(FEWEST_KILLS * verdict.asked / TASKS), kills),
        *(Figure(name, number, "", at_most(0)) for name, number in verdict.faults.items()),
        Figure("longest in nobody's hands", verdict.stuck, "s", at_most(LONGEST_STUCK)),
        Figure("tasks with their children", sum(verdict.ended.values()), "", at_least(verdict.asked), ended),
        Figure("attempts", verdict.attempts, "", None, f"{verdict.cancels} cancels, {verdict.seconds:.0f} s"),
    ]


def main() -> int:
    """0; 1 when a bound is missed."""
    parser = argparse.ArgumentParser(prog="bin/bench chaos", description=__doc__)
    parser.add_argument("tasks", nargs="?", type=int, default=TASKS)
    parser.add_argument("seed", nargs="?", type=int, default=SEED)
    parser.add_argument("--pause", type=float, default=PAUSE, metavar="SECONDS", help="between two kills")
    parser.add_argument("--kills", type=int, default=math.inf, help="no more than these")
    asked = parser.parse_args()
    print(f"{describe(machine())} · {connection.vendor}", flush=True)
    verdict, seen = run(asked.tasks, asked.seed, asked.pause, asked.kills)
    print(verdict, table(seen), sep="\n")
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
