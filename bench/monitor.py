"""The monitor with many tasks behind it and many who watch: what their looks cost, how soon a change is on the screen,
and whether the web process stays as it is."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from itertools import cycle, islice, pairwise
from pathlib import Path

import psutil

from bench.figures import Figure, at_most, median, p95
from bench.hub import CSRF, Person, running_hub, settle_down
from bench.listening import Heard, listening
from bench.load import Load, drive, request
from bench.size import Size
from hub.tests.system.running_hub import RunningHub

ROOT = Path(__file__).resolve().parent.parent
PAGE, STREAM, LOOKS = "/tasks/monitor/", "/tasks/monitor/stream/?range=hour", "/bench/looks/"
# Seen in the part of the page while the lane that the bench pauses is paused.
LANE, PAUSED = "reports", 'id="resume-reports"'
OTHERS = (PAGE, "/tasks/", "/projects/", "/api/tasks?limit=50", "/tasks/workers/", "/metrics")
EVERY = 0.2
# A look in the middle of a snapshot's life asks no more queries.
HALF = 3
MIB = 1 << 20
# What the first listeners make the process load and keep belongs to no growth.
WARM = 0.2


def run(size: Size) -> list[Figure]:
    """First the page alone, then with many tabs open, then with very many."""
    with running_hub(DJANGO_SETTINGS_MODULE="bench.settings") as hub:
        person = Person.of(hub)
        command = [sys.executable, "-m", "bench.crowd", str(size.listed), str(size.fleet)]
        subprocess.run(command, cwd=ROOT, env=hub.environ, check=True)
        settle_down(3)
        return [*_page(person, size), *_tabs(hub, person, size), *_listeners(hub, person, size)]


def _page(person: Person, size: Size) -> list[Figure]:
    person.get(PAGE)
    _looks(person)
    took = []
    for _ in range(size.watch_rounds):
        settle_down(1.1)  # so that each has to look anew
        answer = person.get(PAGE)
        assert answer.status == 200 and f"{size.fleet + 2} alive" in answer.body.decode(), answer.body[:300]
        took.append(answer.seconds * 1000)
    note = f"median {median(took):.0f} ms, {len(answer.body) / 1024:.0f} kB; {size.listed:,} tasks"
    return [Figure(f"page with {size.fleet} workers, p95", p95(took), "ms", at_most(300), note)]


def _tabs(hub: RunningHub, person: Person, size: Size) -> list[Figure]:
    web, sizes, begun = _web(hub), [], time.monotonic()
    with listening(hub.port, STREAM, size.tabs, person.headers["Cookie"], PAUSED) as heard:
        _looks(person)
        began, cost, changes = time.monotonic(), _seconds(web), []
        for turn in cycle((True, False)):
            passed = time.monotonic() - began
            if passed > size.watch_seconds and turn:
                break
            changes.append((_pause(person, turn), turn))
            _work(hub, random.uniform(1.5, 3))
            if passed > WARM * size.watch_seconds:
                sizes.append(_memory(web))
        changes.append((time.monotonic(), False))
        seconds, cost = time.monotonic() - began, _seconds(web) - cost
        looks = _looks(person)
    late = _latencies(changes, heard)
    whole, halves = [[one for one in looks if (one[2] > HALF) == wanted] for wanted in (True, False)]
    lengths = [1000 * one[1] for one in whole]
    a_minute = (sum(sizes[-5:]) - sum(sizes[:5])) / 5 / MIB
    said = f"{seconds:.0f} s, {heard.opened} streams opened, {heard.bytes / MIB:.0f} MiB heard; load {_load()}"
    return [
        Figure(f"looks with {size.tabs} tabs open", len(looks) / seconds, "/s", at_most(2),
               f"{len(whole) / seconds:.2f} whole, {len(halves) / seconds:.2f} of what changes most; {said}"),
        Figure("a look, p95", p95(lengths), "ms", at_most(50),
               f"median {median(lengths):.0f} ms, of processor {1000 * median([one[4] for one in whole]):.0f} ms; "
               f"{max(one[2] for one in whole)} queries at most, the slowest of them p95 "
               f"{1000 * p95([one[3] for one in whole]):.1f} ms; of what changes most p95 "
               f"{1000 * p95([one[1] for one in halves] or [0.0]):.1f} ms; {size.listed:,} tasks"),
        Figure("a change on the screen, p95", p95(late) * 1000, "ms", at_most(1000),
               f"from the click; median {1000 * median(late):.0f} ms, {len(changes) - 1} changes, {size.tabs} tabs; "
               "tasks begin and end all the while"),
        Figure("growth of the web process", a_minute, "MiB", at_most(5),
               f"from {sizes[0] / MIB:.0f} MiB {WARM * seconds:.0f} s after the tabs were open, until "
               f"{time.monotonic() - begun:.0f} s; {100 * cost / seconds:.0f} % of a core"),
        Figure("refused streams", heard.refused, "", at_most(0)),
    ]  # fmt: skip


def _listeners(hub: RunningHub, person: Person, size: Size) -> list[Figure]:
    requests = [person.asks("GET", path) for path in OTHERS]
    count = int(size.watch_rounds / EVERY)
    plan = [(EVERY * number, one) for number, one in enumerate(islice(cycle(requests), count))]
    alone = drive(hub.port, [plan]).expect(200)
    with listening(hub.port, STREAM, size.listeners, person.headers["Cookie"], PAUSED) as heard:
        begun = _seconds(_web(hub))
        load = Load()
        for first in range(0, count, 10):  # in between something changes, so that all hear something
            _pause(person, bool(first // 10 % 2))
            part = drive(hub.port, [[(EVERY * place, one) for place, (_, one) in enumerate(plan[first: first + 10])]])
            load.answers += part.expect(200).answers
            load.seconds += part.seconds
        cost = _seconds(_web(hub)) - begun
    heard_of = sum(map(len, heard.tabs))
    note = (f"median {1000 * median(load.latencies):.0f} ms, {len(load.answers)} requests; without listeners p95 "
            f"{1000 * p95(alone.latencies):.0f} ms; {heard_of} messages heard, {100 * cost / load.seconds:.0f} % of a "
            f"core; load {_load()}")
    return [
        Figure(f"requests beside {size.listeners} listeners, p95", 1000 * p95(load.latencies), "ms", at_most(200),
               note),
        Figure("refused listeners", heard.refused, "", at_most(0)),
    ]


def _pause(person: Person, wish: bool) -> float:
    """Pause or resume the lane, as its button does; when that was asked (monotonic)."""
    headers = {**person.headers, "Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": CSRF}
    body = b"pause=1" if wish else b"resume=1"
    asked = time.monotonic()
    drive(person.hub.port, [[(0.0, request("POST", f"/tasks/lanes/{LANE}/", headers, body))]]).expect(302)
    return asked


def _work(hub: RunningHub, seconds: float) -> None:
    """Tasks begin and end all the while, so that the monitor never finds nothing new."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        hub.post("/api/tasks", {"job": "demo.sleep", "params": {"seconds": 0.2}})
        time.sleep(0.3)


def _latencies(changes: list[tuple[float, bool]], heard: Heard) -> list[float]:
    """Of each change and tab the seconds until it showed; one that never did counts until the next change."""
    return [
        next((at - asked for at, is_paused in tab if asked < at < until and is_paused == wish), until - asked)
        for (asked, wish), (until, _) in pairwise(changes) for tab in heard.tabs
    ]


def _looks(person: Person) -> list[tuple[float, float, int, float, float]]:
    """Those since it was asked last."""
    return json.loads(person.get(LOOKS).body)["looks"]


def _web(hub: RunningHub) -> list[psutil.Process]:
    web = psutil.Process(hub.children()["web"])
    return [web, *web.children(recursive=True)]


def _memory(processes: list[psutil.Process]) -> int:
    return sum(process.memory_full_info().uss for process in processes)


def _seconds(processes: list[psutil.Process]) -> float:
    """Processor time used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _load() -> str:
    return f"{psutil.getloadavg()[0]:.1f}"
