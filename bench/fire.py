"""`python -m bench.fire [PART...] [--quick] [--seed N]`: what tasks promise, under fire; all parts when none is named.

Each has workers and a `watch` of its own, on SQLite or what DATABASE_URL names. Exit code 1 when a bound is missed.
What is done, and how it is counted, say the files of `tasks/tests/fire`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from bench import apart  # first: it sets Django up
from bench.figures import Figure, at_least, at_most, describe, machine, median, p95, table
from tasks.lanes import OVERDUE
from tasks.tests.fire import cancels, cleanup, floods, rescues, rollbacks
from tasks.tests.fire.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done; the bounds belong to `FULL`."""

    races: int = 10_000
    stops: int = 50
    enqueues: int = 10_000
    kills: int = 40
    waiting: int = 1000
    mixed: int = 1000
    lows: int = 10
    successes: int = 100_000
    looks: int = 3600


FULL = Size()
QUICK = Size(races=60, stops=3, enqueues=60, kills=2, waiting=50, mixed=50, lows=1, successes=100, looks=50)


class Ground:
    """A database, a Redis and an empty folder for each part."""

    def __init__(self, hub: apart.Apart, folder: Path, size: Size, seed: int):
        self.redis, self.environ, self.folder, self.size, self.seed = hub.redis, hub.environ, folder, size, seed

    def fleet(self, workers: int) -> Fleet:
        return Fleet(self.folder, self.environ, [("default",)] * workers)


def _cancels(ground: Ground) -> list[Figure]:
    with ground.fleet(2) as fleet:
        fleet.until_ready()
        seen = cancels.races(ground.size.races, seed=ground.seed)
        ended = cancels.stops(ground.folder / "said", ground.size.stops, seed=ground.seed)
    first = f"{seen.waiting} met a task that waited, {seen.running} one that ran, {seen.late} came too late"
    return [
        Figure("started though cancelled while it waited", seen.started, "", at_most(0), first),
        Figure("failed though cancelled", seen.failed, "", at_most(0), str(dict(seen.ended))),
        Figure("a running task and its processes stop, p95", p95(ended.seconds), "s", at_most(2),
               f"longest {max(ended.seconds):.2f} s of {len(ended.seconds)}"),
        Figure("stopped, but not cancelled", len(ended.seconds) - ended.states["cancelled"], "", at_most(0)),
    ]


def _rollbacks(ground: Ground) -> list[Figure]:
    with ground.fleet(2) as fleet:
        fleet.until_ready()
        seen = rollbacks.run(fleet, ground.size.enqueues, seed=ground.seed)
    ways = ", ".join(f"{seen.undone[way]} {way}" for way in rollbacks.WAYS)
    return [
        Figure("enqueues rolled back", seen.undone.total(), "", None, ways),
        Figure("ghosts", seen.ghosts, "", at_most(0), "rows, events, attempts, schedules and what Redis holds"),
        Figure("cries for what is not there", seen.cries, "", at_most(0), "DoesNotExist, tracebacks"),
        Figure("kept, but lost", seen.lost, "", at_most(0), f"of {seen.kept.total()}"),
    ]


def _rescues(ground: Ground) -> list[Figure]:
    with ground.fleet(4) as fleet:
        seen = rescues.rescues(fleet, ground.size.kills, seed=ground.seed)
    figures = [Figure(f"at work again after kill -9 of a {victim}, median", median(seconds), "s", None,
                      f"{len(seconds)} kills") for victim, seconds in seen.seconds.items()]
    return [
        *figures,
        Figure("at work again after kill -9, p95", p95(seen.all), "s", at_most(10), f"{len(seen.all)} kills"),
        Figure("at work again after kill -9, longest", max(seen.all), "s", at_most(30)),
        Figure("begun while the last attempt still ran", seen.twice, "", at_most(0)),
    ]


def _flush(ground: Ground) -> list[Figure]:
    with ground.fleet(4) as fleet:
        seen = rescues.flush(fleet, ground.redis, ground.size.waiting)
    once = ("succeeded", 1)
    return [
        Figure("lost by FLUSHALL of those that waited", ground.size.waiting - seen.waiting[once], "", at_most(0),
               str({f"{state} in {number}": count for (state, number), count in seen.waiting.items()})),
        Figure("lost or begun again of those that ran", 4 - seen.running[once], "", at_most(0)),
        Figure("all on a queue again after FLUSHALL", seen.seconds, "s", at_most(60)),
    ]


def _order(ground: Ground) -> list[Figure]:
    number = floods.misplaced(ground.folder, ground.environ, ground.size.mixed, seed=ground.seed)
    return [Figure("started out of order", number, "", at_most(0), f"of {ground.size.mixed}, one worker")]


def _flood(ground: Ground) -> list[Figure]:
    seen = floods.flood(ground.folder, ground.environ, ground.size.lows)
    bound = (OVERDUE - floods.LOW) * floods.AGEING + floods.PASS + floods.AHEAD
    return [Figure("a low task starts under a flood, longest", max(seen.waits), "s", at_most(bound),
                   f"of {len(seen.waits)}, shortest {min(seen.waits):.1f} s, a rank each {floods.AGEING} s; "
                   f"{seen.high} high ones started while the last waited")]  # fmt: skip


def _cleanup(ground: Ground) -> list[Figure]:
    seen = cleanup.run(ground.folder, ground.environ, ground.size.successes)
    live = seen.lasting == {("running", 1)}
    return [
        Figure("successes while old tasks are removed", seen.facts["succeeded"], "", at_least(ground.size.successes),
               f"{seen.seconds:.0f} s, {seen.removed} removed meanwhile"),
        Figure("marked failed, or anything else", seen.otherwise, "", at_most(0)),
        Figure("attempts too many", seen.facts["started"] - ground.size.successes, "", at_most(0)),
        Figure("a live task was rescued all the same", int(not live), "", at_most(0), f"{seen.lasting}"),
    ]


def _life(ground: Ground) -> list[Figure]:
    with Fleet(ground.folder, ground.environ, watch=False) as fleet:
        state, attempts, done = rescues.life(fleet, ground.size.looks)
    rescued = len(done) + attempts - 1 + int(state != "running")
    return [Figure("rescues of a task that is alive", rescued, "", at_most(0),
                   f"in {ground.size.looks} looks without patience; watch looks 3600 times in two hours")]


PARTS: dict[str, Callable[[Ground], list[Figure]]] = {
    "cancels": _cancels, "rollbacks": _rollbacks, "rescues": _rescues, "flush": _flush, "order": _order,
    "flood": _flood, "life": _life, "cleanup": _cleanup,
}  # fmt: skip


def run(names: list[str], size: Size, seed: int) -> dict[str, list[Figure]]:
    """The figures of these parts; each is printed as soon as it is known."""
    seen: dict[str, list[Figure]] = {}
    with apart.hub() as hub:
        for name in names:
            began = time.monotonic()
            hub.empty()
            with tempfile.TemporaryDirectory(prefix=f"hub-{name}-") as folder:
                seen[name] = PARTS[name](Ground(hub, Path(folder), size, seed))
            print(f"\n{name} ({time.monotonic() - began:.0f} s)\n{table(seen[name])}", flush=True)
    return seen


def main() -> int:
    """0; 1 when a bound is missed."""
    parser = argparse.ArgumentParser(prog="bin/bench fire", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="|".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="see whether the bench works; the figures say little")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: use {', '.join(PARTS)}")
    print(f"{describe(machine())} · {connection.vendor}", flush=True)
    seen = run(asked.parts or list(PARTS), QUICK if asked.quick else FULL, asked.seed)
    missed = sum(figure.holds is False for figures in seen.values() for figure in figures)
    print(f"\n{missed} bounds are missed." if missed else "\nEvery bound holds.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
