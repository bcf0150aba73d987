"""Starting stacks: through Hub, under honcho, and bare; and how soon Hub answers and shows progress."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import Figure, at_most, median, p95
from bench.hub import ONE_SLEEP, SHOP, SLEEP, Person, all_ended, by_key, folder, running_hub, settle_down, stop_all
from bench.load import Answer, Load, drive
from bench.plain import services, start_bare, start_honcho, until_answering
from bench.size import Size
from hub.tests.system.running_hub import RunningHub

COPIES = 3
# Over so many seconds twenty people press Start, when they do not do it in the same moment.
SPREAD = 4.0
POLL = re.compile(r'id="live"[^>]*?hx-get="([^"]+)"[^>]*?hx-trigger="every ([\d.]+)s, begun from:body delay:(\d+)ms"')
STEP = re.compile(rb"\d+ of \d+ done")


class Stopwatch:
    """Seconds from `begin()` to `end()`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def begin(self) -> None:
        self._began = time.perf_counter()

    def end(self) -> None:
        self.seconds = time.perf_counter() - self._began


def run(size: Size) -> list[Figure]:
    """Starts in turns: bare, honcho, Hub, bare, honcho, Hub ..."""
    with running_hub() as hub:
        person = Person.of(hub)
        return [*_services(hub, size), *_engine(hub, size), *_copies(hub, size), *_first_progress(hub, person, size),
                *_answers(hub, person, size)]


def _services(hub: RunningHub, size: Size) -> list[Figure]:
    shop = hub.add("Benched shop", SHOP)
    seen: dict[str, list[float]] = {"bare": [], "ordered": [], "honcho": [], "hub": [], "running": []}
    for _ in range(size.rounds):
        seen["bare"].append(_timed(lambda began, done: start_bare(SHOP, began, done)))
        seen["ordered"].append(_timed(lambda began, done: start_bare(SHOP, began, done, in_order=True)))
        seen["honcho"].append(_timed(lambda began, done: start_honcho(SHOP, began, done)))
        answering, running = _start(hub, shop, SHOP)
        seen["hub"].append(answering)
        seen["running"].append(running)
    bare, ordered, honcho, through, running = (median(values) for values in seen.values())
    over = [one - other for one, other in zip(seen["running"], seen["ordered"], strict=True)]
    how = f"median of {size.rounds}, in turns"
    return [
        Figure("shop, bare processes, all at once: all answer after", bare, "s", None, f"4 services; {how}"),
        Figure("shop, bare processes, in the order of depends_on", ordered, "s", None, f"{ordered / bare:.2f} × bare"),
        Figure("shop, honcho (all at once)", honcho, "s", None, f"{honcho / bare:.2f} × bare"),
        Figure("shop, Hub (in order), from the request", through, "s", None,
               f"{through / bare:.2f} × bare, {through / ordered:.2f} × in order, {through / honcho:.2f} × honcho"),
        Figure("shop, Hub: shown as running after", running, "s", None, how),
        Figure("overhead of a start (shop)", median(over), "s", at_most(0.5),
               f"shown as running - bare in order; p95 {p95(over):.2f} s"),
    ]


def _engine(hub: RunningHub, size: Size) -> list[Figure]:
    """Services that do nothing are up when they have stayed up for 0.1 s: all else is Hub's."""
    place = folder(hub, "sleep", SLEEP)
    sleep = hub.add("Sleep", place)
    took = [_start(hub, sleep, place)[1] - 0.1 for _ in range(size.rounds)]
    return [Figure("overhead of a start (4 × sleep)", median(took), "s", at_most(0.5),
                   f"shown as running - 0.1 s of staying up; p95 {p95(took):.2f} s; median of {size.rounds}")]


def _copies(hub: RunningHub, size: Size) -> list[Figure]:
    copies = [hub.add(f"Copy {number}", SHOP) for number in range(COPIES)]
    took = []
    for _ in range(min(2, size.rounds)):
        began = time.perf_counter()
        for copy in copies:
            hub.ask(copy, "start")
        hub.until(lambda: all(hub.status(copy)["health"] == "healthy" and hub.status(copy)["status"] == "running"
                              for copy in copies), 60, "three copies are not healthy")
        took.append(time.perf_counter() - began)
        stop_all(hub, copies)
    return [Figure("three copies of the shop healthy together", max(took), "s", at_most(10),
                   f"slowest of {len(took)}; 12 services, 2 workers")]


def _first_progress(hub: RunningHub, person: Person, size: Size) -> list[Figure]:
    """As a browser sees it: the answer to the button, then the polls that the page itself asks for."""
    project = hub.add("Watched", SHOP)
    settle_down()
    panel, step = [], []
    for _ in range(size.rounds):
        poll, _, pause = _next_poll(person.get(f"/projects/{project}/"))
        began = time.perf_counter()
        answer = person.post(f"/projects/{project}/start/", "live")
        assert answer.status == 200 and b'id="progress-title"' in answer.body, answer
        panel.append(time.perf_counter() - began)
        while not _shows_progress(answer):
            assert time.perf_counter() - began < 30, "no progress is shown"
            time.sleep(pause)
            answer = person.get(poll, "live")
            if answer.status == 200:
                poll, pause, _ = _next_poll(answer)
        step.append(time.perf_counter() - began)
        hub.until(lambda: hub.status(project)["status"] == "running", 30)
        stop_all(hub, [project])
    how = f"median of {size.rounds}; worst {{:.2f}} s"
    return [
        Figure("progress panel on screen after Start", median(panel), "s", at_most(1), how.format(max(panel))),
        Figure("first counted step on screen after Start", median(step), "s", at_most(1),
               how.format(max(step)) + "; by the page's own polls"),
    ]


def _next_poll(answer: Answer) -> tuple[str, float, float]:
    """What the overview asks for next, after how many seconds, and after how many when a start has just begun."""
    found = POLL.search(answer.body.decode())
    assert found, answer.body[:2000]
    return found[1].replace("&amp;", "&"), float(found[2]), float(found[3]) / 1000


def _shows_progress(answer: Answer) -> bool:
    """Whether the fragment tells more than that a task waits: a step, or that all is done already."""
    return answer.status == 200 and (STEP.search(answer.body) is not None or b'id="progress-title"' not in answer.body)


def _answers(hub: RunningHub, person: Person, size: Size) -> list[Figure]:
    """Each client has a project of its own, so that every request makes a task."""
    place = folder(hub, "one", ONE_SLEEP)
    projects = [hub.add(f"One {number}", place) for number in range(size.clients)]
    askers: dict[str, Callable[[int], bytes]] = {
        "API": lambda project: by_key(hub, "POST", f"/api/orchestration/{project}/start"),
        "page": lambda project: person.asks("POST", f"/projects/{project}/start/", "live"),
    }
    dice = random.Random(2)
    seen: dict[tuple[str, bool], list[Load]] = {(name, together): [] for name in askers for together in (False, True)}
    for _ in range(size.press_rounds):
        for name, together in seen:
            plans = [[(0.0 if together else dice.uniform(0, SPREAD), askers[name](project))] for project in projects]
            seen[name, together].append(drive(hub.port, plans).expect(200, 202))
            all_ended(hub, [task["id"] for task in _active(hub)])
            stop_all(hub, projects)
            settle_down(0.5)
    figures = []
    for (name, together), loads in seen.items():
        latencies = [second * 1000 for load in loads for second in load.latencies]
        when = "in the same moment" if together else f"within {SPREAD:g} s"
        figures.append(Figure(f"answer to Start, {name}, {size.clients} clients {when}", p95(latencies), "ms",
                              at_most(50), f"p95 of {len(latencies)}; median {median(latencies):.0f} ms"))
    return figures


def _active(hub: RunningHub) -> list[dict[str, Any]]:
    return [task for task in hub.get("/api/tasks?limit=200").body["items"] if not task["finished_at"]]


def _start(hub: RunningHub, project: int, place: Path) -> tuple[float, float]:
    """Seconds from the request until every port answers, and until the task has succeeded. Stops it again."""
    wanted, ports = services(place), hub.ports(project)
    watch = Stopwatch()
    watch.begin()
    task = hub.ask(project, "start")
    until_answering(wanted, ports)
    watch.end()
    answering = watch.seconds
    hub.until(lambda: hub.get(f"/api/tasks/{task}").body["finished_at"], 60, "the start has not ended")
    watch.end()
    all_ended(hub, [task])
    stop_all(hub, [project])
    return answering, watch.seconds


def _timed(work: Callable[[Callable[[], None], Callable[[], None]], None]) -> float:
    watch = Stopwatch()
    work(watch.begin, watch.end)
    return watch.seconds
