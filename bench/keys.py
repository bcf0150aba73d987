"""A read with a key: what finding the key, its limit and its projects cost over the bare view of the same row."""

from __future__ import annotations

from bench.figures import Figure, at_most, median, p95
from bench.hub import ONE_SLEEP, Person, folder, running_hub, settle_down
from bench.load import Load, drive, forever, request
from bench.size import Size
from hub.tests.system.running_hub import RunningHub


def run(size: Size) -> list[Figure]:
    """The same row, in turns: bare, with a session, and with a key that may see three projects."""
    with running_hub(DJANGO_SETTINGS_MODULE="bench.settings") as hub:
        projects = [hub.add(f"Read {number}", folder(hub, f"read-{number}", ONE_SLEEP)) for number in range(3)]
        settle_down()
        loads = _in_turns(hub, size, projects)
    bare, signed_in, keyed = (_p95(loads[name]) for name in ("bare", "session", "key"))
    medians = ", ".join(f"{name} {_median(one):.1f}" for name, one in loads.items())
    said = f"in turns, one client; bare p95 {bare:.1f} ms, medians (ms): {medians}"
    return [
        Figure("p95 of a read with a key, its limit and its projects, over the bare view", keyed - bare, "ms",
               at_most(15), said),
        Figure("the same with a session", signed_in - bare, "ms", at_most(15), said),
    ]


def _in_turns(hub: RunningHub, size: Size, projects: list[int]) -> dict[str, list[Load]]:
    words = [word for number in projects for word in ("--project", str(number))]
    key = hub.manage("apikey", "create", "reader", "--scope", "read", *words).split()[-1]
    row = f"/bench/row/{projects[0]}/"
    asked = {"bare": request("GET", f"/bare{row}alone/", {}), "session": Person.of(hub).asks("GET", row),
             "key": request("GET", f"/api{row}", {"Authorization": f"Bearer {key}"})}
    loads: dict[str, list[Load]] = {name: [] for name in asked}
    for _ in range(size.slices):
        for name, bytes_ in asked.items():
            loads[name].append(drive(hub.port, [forever(bytes_)], size.slice_seconds).expect(200))
    return loads


def _p95(loads: list[Load]) -> float:
    """Milliseconds: the median of the turns, so that what else the machine does in one of them does not count."""
    return 1000 * median([p95([answer.seconds for answer in load.answers]) for load in loads])


def _median(loads: list[Load]) -> float:
    return 1000 * median([answer.seconds for load in loads for answer in load.answers])
