"""How often the analysis of retrospectives finds what is there and claims what is not, on teams of which the truth is
known, and what a report costs. `python -m bench.retrospectives TEAMS REPORTS` measures, and prints one line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import Figure, at_least, at_most, median
from bench.size import Size

ROOT = Path(__file__).resolve().parent.parent
SPRINTS = 20


def run(size: Size) -> list[Figure]:
    """Shares of the teams in per cent, each team of 12 sprints with 25 metrics; reports of 20 sprints with them all."""
    command = [sys.executable, "-m", "bench.retrospectives", str(size.teams), str(size.reports)]
    seen = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
                      .stdout.splitlines()[-1])
    of = f"of {size.teams} teams"
    return [
        Figure("no signal: a hypothesis is given", seen["claimed"], "%", at_most(8), of),
        Figure("three related metrics shift by 2 sigma: found and ranked first", seen["family"], "%", at_least(80), of),
        Figure("one metric steps by 3 sigma: found", seen["single"], "%", at_least(45), of),
        Figure(f"a report of {SPRINTS} sprints and 27 metrics", seen["report"], "s", at_most(1),
               f"median of {size.reports}; the first, with its imports, {seen['first']:.2f} s"),
        Figure("memory that reports take more", seen["memory"], "MiB", at_most(50),
               "numpy, and what a report computes"),
    ]  # fmt: skip


def main(number: int, reports: int) -> dict[str, float]:
    """Shares in per cent, seconds, MiB."""
    before = _memory()
    began = time.perf_counter()
    from retrospectives.analysis import analyse, related
    from retrospectives.evidence.orders import orders
    from retrospectives.hypotheses import hypotheses
    from retrospectives.metrics import EVERY
    from retrospectives.synthetic import FAMILY, STEP, teams

    names = [f"S{at}" for at in range(1, SPRINTS + 1)]

    def report(seed: int) -> float:
        started = time.perf_counter()
        series = {key: [50 + (hash((seed, key, at)) % 1000) / 100 for at in range(SPRINTS)] for key in EVERY}
        hypotheses(analyse(series), names, related(series))
        return time.perf_counter() - started

    report(0)
    first = time.perf_counter() - began
    took = [report(seed) for seed in range(1, reports + 1)]
    memory = _memory() - before
    orders.cache_clear()

    def found(kind: str) -> list:
        return [hypotheses(analyse(team), names) for team in teams(kind, number)]

    def share(hits: list[bool]) -> float:
        return 100 * sum(hits) / number

    worse = {"family": lambda one: set(one.affected) == set(FAMILY) and not one.better,
             "single": lambda one: STEP in one.affected and not one.better}
    return {
        "claimed": share([bool(one) for one in found("none")]),
        "family": share([bool(one) and worse["family"](one[0]) for one in found("family")]),
        "single": share([any(map(worse["single"], one)) for one in found("single")]),
        "report": median(took), "first": first, "memory": memory,
    }  # fmt: skip


def _memory() -> float:
    """The most memory that this process has held, in MiB."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
