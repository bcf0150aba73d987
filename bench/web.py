"""Pages: the idle progress poll against a bare view that reads one row, and the dashboard with many projects."""

from __future__ import annotations

import re
from dataclasses import replace

import psutil

from bench.figures import Figure, at_least, at_most, median, p95
from bench.hub import ONE_SLEEP, SHOP, Person, all_ended, folder, running_hub, settle_down, stop_all
from bench.load import Load, drive, forever
from bench.size import Size
from hub.tests.system.running_hub import RunningHub

CLIENTS = 4
HTMX_GET = re.compile(r'id="(live|task-live)"[^>]*?hx-get="([^"]+)"')
COUNT_HEADER = "X-Bench-Queries"


def run(size: Size) -> list[Figure]:
    """Requests a second in turns, so that what else the machine does meets all of them; then the dashboard."""
    with running_hub(DJANGO_SETTINGS_MODULE="bench.settings") as hub:
        person = Person.of(hub)
        project = hub.add("Polled", folder(hub, "polled", ONE_SLEEP))
        all_ended(hub, [hub.ask(project, "start")])
        # A page polls only a task that has not ended: one that runs for long, in one step.
        task = hub.post("/api/tasks", {"job": "demo.sleep", "params": {"seconds": 600, "steps": 1}}).body["id"]
        hub.until(lambda: hub.get(f"/api/tasks/{task}").body["state"] == "running", 10, "demo.sleep does not run")
        settle_down()
        figures = _polls(hub, person, size, project, task)
        hub.call("DELETE", f"/api/tasks/{task}")
        running = [project, *_fill(hub, size)]
        figures += _dashboard(hub, person, size)
        stop_all(hub, running)
    return figures


class Turns:
    """Loads of the web process, each under its name, in turns."""

    def __init__(self, hub: RunningHub, seconds: float, clients: int = CLIENTS):
        self.hub, self.seconds, self.clients = hub, seconds, clients
        self.loads: dict[str, list[Load]] = {}
        self.costs: dict[str, list[float]] = {}

    def take(self, name: str, request: bytes) -> None:
        """One turn of a request."""
        before = _web_seconds(self.hub)
        load = drive(self.hub.port, [forever(request)] * self.clients, self.seconds).expect(200, 204)
        self.loads.setdefault(name, []).append(load)
        self.costs.setdefault(name, []).append((_web_seconds(self.hub) - before) / len(load.answers))

    def rate(self, name: str) -> float:
        """Answers a second."""
        return median([load.rate for load in self.loads[name]])

    def cost(self, name: str) -> float:
        """Milliseconds of processor time for an answer."""
        return 1000 * median(self.costs[name])

    def note(self, name: str) -> str:
        answers = [answer for load in self.loads[name] for answer in load.answers]
        unchanged = sum(answer.status == 204 for answer in answers) / len(answers)
        slow = p95([answer.seconds for answer in answers]) * 1000
        return (f"{self.cost(name):.1f} ms of processor each, p95 {slow:.0f} ms"
                + (f", {100 * unchanged:.0f} % found nothing new" if unchanged else ""))

    def ratio(self, one: str, other: str) -> Figure:
        """How many answers of the one for one of the other: the median of neighbours in time."""
        pairs = zip(self.loads[one], self.loads[other], strict=True)
        return Figure(f"{one} / {other}", median([first.rate / second.rate for first, second in pairs]), "×",
                      at_least(0.7), f"by processor time: {self.cost(other) / self.cost(one):.2f} ×")


def _polls(hub: RunningHub, person: Person, size: Size, project: int, task: str) -> list[Figure]:
    row = f"/bench/row/{project}/"
    plain = {"bare view": person.asks("GET", f"/bare{row}alone/"), "same view inside Hub": person.asks("GET", row)}
    pages = {"project poll": (f"/projects/{project}/", "live"), "task poll": (f"/tasks/{task}/", "task-live")}
    turns = Turns(hub, size.slice_seconds)
    for _ in range(size.slices):
        for name, request in plain.items():
            turns.take(name, request)
        for name, (page, target) in pages.items():
            # As a browser that has just loaded the page: what it shows changes by itself once a minute at least.
            turns.take(name, person.asks("GET", _poll(person, page), target))
    said = {"bare view": "Django as it comes, no middleware; ", "same view inside Hub": "all middlewares, signed in; "}
    return [
        *(Figure(name, turns.rate(name), "req/s", None, said.get(name, "") + turns.note(name)) for name in turns.loads),
        *(turns.ratio(poll, base) for base in plain for poll in pages),
        *(Figure(f"queries of an idle {name}", _idle_queries(person, page, target), "", at_most(2))
          for name, (page, target) in pages.items()),
    ]


def _web_seconds(hub: RunningHub) -> float:
    """Processor time that the web process has used: what an answer costs, also on a machine that is busy."""
    web = psutil.Process(hub.children()["web"])
    return sum(sum(process.cpu_times()[:2]) for process in [web, *web.children(recursive=True)])


def _fill(hub: RunningHub, size: Size) -> list[int]:
    """As many projects as the dashboard is to show, some of them running. Those that run."""
    sleeping = folder(hub, "sleeping", ONE_SLEEP)
    running = [hub.add(f"Running {number}", sleeping) for number in range(size.running_cards)]
    there = len(hub.get("/api/projects?limit=200").body["items"])
    for number in range(max(0, size.cards - there)):
        hub.add(f"Shop {number}", SHOP)
    all_ended(hub, [hub.ask(project, "start") for project in running])
    settle_down(2.5)
    return running


def _dashboard(hub: RunningHub, person: Person, size: Size) -> list[Figure]:
    pages = {"dashboard": "/", "dashboard, every card": f"/?limit={size.cards}", "list of projects": "/projects/"}
    figures = []
    for name, path in pages.items():
        request = person.asks("GET", path)
        drive(hub.port, [[(0.0, request)] * 3]).expect(200)
        before = _web_seconds(hub)
        load = drive(hub.port, [forever(request)], size.slice_seconds * 2).expect(200)
        cost = (_web_seconds(hub) - before) / len(load.answers) * 1000
        shown = load.answers[0].body.count(b'id="project-')
        note = f"p95 {p95(load.latencies) * 1000:.0f} ms, {len(load.answers)} times; {cost:.0f} ms of processor each"
        note += f", {shown} cards of {size.cards} projects" if shown else f", {size.cards} projects"
        bound = at_most(100) if name.startswith("dashboard") else None
        figures.append(Figure(name, median(load.latencies) * 1000, "ms", bound, note))
        queries, _ = _queries(person, path)
        figures.append(Figure(f"queries of the {name}", queries, "", at_most(10)))
    return figures


def _poll(person: Person, page: str) -> str:
    """The address that the page polls, with the mark of what it shows."""
    found = HTMX_GET.search(person.get(page).body.decode())
    assert found, f"{page} polls nothing"
    return found[2].replace("&amp;", "&")


def _idle_queries(person: Person, page: str, target: str) -> int:
    """Queries of a poll that finds nothing new. One may find something: a minute that ended, memory that grew."""
    for _ in range(5):
        queries, status = _queries(person, _poll(person, page), target)
        if status == 204:
            return queries
    raise AssertionError(f"{page} is never idle")


def _queries(person: Person, path: str, target: str = "") -> tuple[int, int]:
    """Queries and status of an answer."""
    counting = replace(person, headers={**person.headers, COUNT_HEADER: "1"})
    answer = counting.get(path, target)
    return int(answer.headers[COUNT_HEADER.lower()]), answer.status
