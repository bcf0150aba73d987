"""A square wave of load on a Hub that scales its workers, then kills of workers: do they flap, is their number exact?

What is judged, and how, says `hub.tests.wave`. Afterwards the number is set by hand, and workers are killed one by one.
"""

from __future__ import annotations

import os
import random
import signal
import time

from bench.figures import Figure, at_least, at_most
from bench.hub import running_hub
from bench.size import Size
from hub.tests.system.running_hub import RunningHub
from hub.tests.wave import Verdict, Wave, verdict

FEWEST, MOST, PATIENCE, COOLDOWN, SEED = 1, 4, 12, 2, 1
# A worker that dies young is started again after 5 s at most, and takes a few to listen.
LONGEST = 20.0
PAUSE = 0.2


def run(size: Size) -> list[Figure]:
    """The wave takes 8 s a burst, the end of it some 12 s for each worker that goes."""
    with running_hub(HUB_NODE="here", HUB_WORKERS=f"{FEWEST}", HUB_WORKERS_MIN=f"{FEWEST}", HUB_WORKERS_MAX=f"{MOST}",
                     HUB_WORKERS_PATIENCE=f"{PATIENCE}", HUB_WORKERS_COOLDOWN=f"{COOLDOWN}",
                     HUB_RATE_HOUR="1000000", HUB_RATE_BURST="100000") as hub:
        Wave(bursts=size.bursts, number=4 * MOST, seconds=1.0, period=8.0, seed=SEED).run(hub.environ)
        hub.until(lambda: len(_kept(hub)) == FEWEST and verdict(hub.data).changes[-1:] != [], 60 + MOST * PATIENCE * 2,
                  "the workers that are too many have not gone")
        return [*_of_wave(verdict(hub.data), size), *_of_kills(hub, size)]


def _of_wave(seen: Verdict, size: Size) -> list[Figure]:
    workers = " ".join(str(change.workers) for change in seen.changes)
    tasks = f"{len(seen.queued)} tasks in {size.bursts} bursts"
    return [
        Figure("changes of the number of workers", len(seen.changes), "", at_least(2), f"{workers}; {tasks}"),
        *(Figure(name, number, "", at_most(0)) for name, number in seen.faults(PATIENCE, COOLDOWN).items()),
    ]


def _of_kills(hub: RunningHub, size: Size) -> list[Figure]:
    """Kill workers by the dice; after each the registry has to name exactly those that live."""
    dice, tooks, more = random.Random(SEED), [], 0
    answer = hub.call("PATCH", "/api/crews/here", {"fixed": MOST, "reason": "to be killed"})
    assert answer.status == 200, answer
    hub.until(lambda: _is_exact(hub), 60, "the number set by hand is not kept")
    for _ in range(size.kills):
        victim = dice.choice(sorted(_kept(hub).values()))
        os.kill(victim, signal.SIGKILL)
        began = time.monotonic()
        while victim in _listed(hub) or not _is_exact(hub):
            more += len(_listed(hub)) > MOST
            assert time.monotonic() - began < 3 * LONGEST, (victim, _listed(hub), _kept(hub))
            time.sleep(PAUSE)
        tooks.append(time.monotonic() - began)
    return [
        Figure("kills after which the number of workers was exact", len(tooks), "", at_least(size.kills),
               f"{MOST} workers, kill -9"),
        Figure("looks that saw more workers than there may be", more, "", at_most(0)),
        Figure("longest from a kill until all were there again", max(tooks), "s", at_most(LONGEST)),
    ]


def _kept(hub: RunningHub) -> dict[str, int]:
    return {name: pid for name, pid in hub.children().items() if name.startswith("worker-")}


def _listed(hub: RunningHub) -> list[int]:
    return [item["pid"] for item in hub.get("/api/workers").body["items"]]


def _is_exact(hub: RunningHub) -> bool:
    """Whether the registry names each of the workers that `up` keeps once, and no other."""
    kept = _kept(hub)
    return len(kept) == MOST and sorted(kept.values()) == sorted(_listed(hub))
