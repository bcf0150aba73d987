"""`bin/bench`: runs the benches that were asked for, and says of each figure whether its bound holds."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from types import FrameType

from bench import (
    alerts,
    analytics,
    bulk,
    capacity,
    causes,
    compose,
    events,
    exports,
    graph,
    idle,
    keys,
    lists,
    monitor,
    ports,
    release,
    retrospectives,
    search,
    start,
    tasks,
    wave,
    web,
)
from bench.figures import describe, machine, table
from bench.size import FULL, QUICK, SHORT

ALWAYS = {"start": start.run, "ports": ports.run, "web": web.run, "idle": idle.run, "tasks": tasks.run,
          "graph": graph.run, "release": release.run, "keys": keys.run}
# Only when asked for by name: two minutes to half an hour each, and one that needs root and what .ci/docker installs.
BENCHES = {**ALWAYS, "retrospectives": retrospectives.run, "search": search.run, "millions": search.run_more,
           "lists": lists.run,
           "bulk": bulk.run, "analytics": analytics.run, "monitor": monitor.run, "events": events.run,
           "wave": wave.run, "compose": compose.run, "alerts": alerts.run, "causes": causes.run,
           "exports": exports.run,
           "capacity": capacity.run}


def main() -> int:
    """0; with --check 1 when a bound is missed."""
    parser = argparse.ArgumentParser(prog="bin/bench", description=__doc__)
    parser.add_argument("benches", nargs="+", choices=[*BENCHES, "all"], metavar="|".join([*BENCHES, "all"]))
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bound is missed")
    parser.add_argument("--quick", action="store_true", help="see whether the bench works; the figures say little")
    parser.add_argument("--short", action="store_true", help="watch for one minute instead of ten")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    names = list(ALWAYS) if "all" in asked.benches else list(dict.fromkeys(asked.benches))
    size = QUICK if asked.quick else SHORT if asked.short else FULL
    seen, results, missed = machine(), {}, 0
    if not asked.json:
        print(describe(seen), flush=True)
    for name in names:
        began = time.monotonic()
        figures = results[name] = BENCHES[name](size)
        missed += sum(figure.holds is False for figure in figures)
        if not asked.json:
            print(f"\n{name} ({time.monotonic() - began:.0f} s)\n{table(figures)}", flush=True)
    if asked.json:
        figures = {name: [figure.as_json() for figure in results[name]] for name in names}
        print(json.dumps({"machine": seen, "quick": asked.quick, "benches": figures, "missed": missed}, indent=2,
                         ensure_ascii=False))
    else:
        print(f"\n{missed} bounds are missed." if missed else "\nEvery bound holds.")
    return 1 if missed and asked.check else 0


def _end(number: int, frame: FrameType | None) -> None:
    """So that SIGTERM also stops what the bench has started."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
