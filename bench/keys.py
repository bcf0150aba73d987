"""A read with a key: what finding the key, its limit and its projects cost over the bare view of the same row."""

from __future__ import annotations

from bench.figures import Figure, at_most, median, p95
from bench.hub import ONE_SLEEP, Person, folder, running_hub, settle_down
from bench.load import request
from bench.size import Size
from bench.web import Turns
from hub.tests.system.running_hub import RunningHub

BARE, SESSION, KEY = "bare view", "with a session", "with a key of three projects"


def run(size: Size) -> list[Figure]:
    """The same row, in turns, for one client: bare, with a session, and with a key that may see three projects."""
    with running_hub(DJANGO_SETTINGS_MODULE="bench.settings") as hub:
        projects = [hub.add(f"Read {number}", folder(hub, f"read-{number}", ONE_SLEEP)) for number in range(3)]
        asked = _asked(hub, projects)
        settle_down()
        turns = Turns(hub, size.slice_seconds, clients=1)
        for _ in range(size.slices):
            for name, bytes_ in asked.items():
                turns.take(name, bytes_)
    return [
        *(Figure(f"p95 of a read {name}, over the bare view", _p95(turns, name) - _p95(turns, BARE), "ms", at_most(15),
                 _note(turns, name)) for name in (KEY, SESSION)),
        Figure(f"p95 of the {BARE}", _p95(turns, BARE), "ms", None, _note(turns, BARE)),
    ]


def _asked(hub: RunningHub, projects: list[int]) -> dict[str, bytes]:
    words = [word for number in projects for word in ("--project", str(number))]
    key = hub.manage("apikey", "create", "reader", "--scope", "read", *words).split()[-1]
    row = f"/bench/row/{projects[0]}/"
    return {BARE: request("GET", f"/bare{row}alone/", {}), SESSION: Person.of(hub).asks("GET", row),
            KEY: request("GET", f"/api{row}", {"Authorization": f"Bearer {key}"})}


def _p95(turns: Turns, name: str) -> float:
    """Milliseconds: the median of the turns, so that what else the machine did in one of them does not count."""
    return 1000 * median([p95(load.latencies) for load in turns.loads[name]])


def _note(turns: Turns, name: str) -> str:
    usual = 1000 * median([seconds for load in turns.loads[name] for seconds in load.latencies])
    return f"median {usual:.1f} ms, {turns.cost(name):.1f} ms of processor each"
