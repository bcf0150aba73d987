"""One look at everything that the monitor shows, as plain JSON values."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import fields
from datetime import datetime
from typing import Any

from django.utils import timezone

from events.times import iso
from tasks import workers
from tasks.crews import actions as crews
from tasks.monitor import recent, standing
from tasks.monitor.ended import Ended
from tasks.presentation import version_of
from tasks.queue import QueueAway, WorkerInfo

MOST_WORKERS = 100
# A heartbeat that is younger (seconds) is as it should be.
FRESH = 12
SHOWN = [one.name for one in fields(WorkerInfo) if one.name != "heartbeat_age"]
_ended, _counting = Ended(), threading.Lock()


def take() -> dict[str, Any]:
    """Look now, in twelve queries that are cheap however much history there is.

    `at, version` (the same while nothing has changed), `states` (how many are in each active state), `lanes`,
    `window` (see `recent.timing`, with what `succeeded`, `failed` and was `cancelled` in it), `ended` (by range a list
    of `[start, succeeded, failed, cancelled]`), `running, coming, failures, lost`, `crews` (a sentence for each), and
    `workers`: `away` when Redis does not answer, `total`, by `states`, and `items`: those at work first, idle ones
    last, a hundred at most.
    """
    now = timezone.now()
    with _counting:
        columns = _ended.columns(now.timestamp())
    states, lanes = standing.standing(now)
    window, waits = recent.timing(now)
    for lane in lanes:
        lane["wait_p95"] = waits.get(lane["name"])
    window |= recent.ends(now)
    taken = {
        "states": states,
        "lanes": lanes,
        "window": window,
        "ended": {name: [[iso(one.start), one.succeeded, one.failed, one.cancelled] for one in found]
                  for name, found in columns.items()},
        "running": standing.running(),
        "coming": standing.coming(),
        "failures": recent.failures(now),
        "lost": recent.lost(now),
        "workers": _workers(),
        "crews": [f"{one.node} keeps {crews.sentence(one)}" for one in crews.crews()],
    }
    return _marked(taken, now)


def amended(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The same with the states, lanes and running tasks as they are now, in three small queries: what changes most."""
    now = timezone.now()
    states, lanes = standing.standing(now)
    waits = {lane["name"]: lane["wait_p95"] for lane in snapshot["lanes"]}
    for lane in lanes:
        lane["wait_p95"] = waits.get(lane["name"])
    return _marked(snapshot | {"states": states, "lanes": lanes, "running": standing.running()}, now)


def _marked(taken: dict[str, Any], now: datetime) -> dict[str, Any]:
    told = {name: value for name, value in taken.items() if name not in ("at", "version")}
    return {"at": iso(now), "version": version_of([json.dumps(told, sort_keys=True)]), **told}


def _workers() -> dict[str, Any]:
    try:
        found = workers.workers()
    except QueueAway:
        return {"away": True, "total": 0, "states": {}, "items": []}
    # First those that somebody may have to look at; the order of the others stays.
    found.sort(key=lambda one: (not one.task, one.state == "idle" and one.heartbeat_age < FRESH))
    items = []
    for one in found[:MOST_WORKERS]:
        row = {name: getattr(one, name) for name in SHOWN}
        age = int(one.heartbeat_age)
        items.append(row | {
            "silent": age if age >= FRESH else 0, "memory": one.memory >> 20 << 20, "started_at": iso(one.started_at),
        })
    return {"away": False, "total": len(found), "states": Counter(one.state for one in found), "items": items}
