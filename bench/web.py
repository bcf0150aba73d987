"""Pages: the idle progress poll against a bare view that reads one row, and the dashboard with many projects."""

from __future__ import annotations

import re
from dataclasses import replace

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


def _polls(hub: RunningHub, person: Person, size: Size, project: int, task: str) -> list[Figure]:
    row = f"/bench/row/{project}/"
    plain = {"bare": person.asks("GET", f"/bare{row}alone/"), "house": person.asks("GET", row)}
    pages = {"project": (f"/projects/{project}/", "live"), "task": (f"/tasks/{task}/", "task-live")}
    seen: dict[str, list[Load]] = {name: [] for name in [*plain, *pages]}
    for _ in range(size.slices):
        for name, request in plain.items():
            seen[name].append(drive(hub.port, [forever(request)] * CLIENTS, size.slice_seconds).expect(200))
        for name, (page, target) in pages.items():
            # As a browser that has just loaded the page: what it shows changes by itself once a minute at least.
            request = person.asks("GET", _poll(person, page), target)
            seen[name].append(drive(hub.port, [forever(request)] * CLIENTS, size.slice_seconds).expect(204, 200))
    idle = {name: median([_share_of_204(load) for load in seen[name]]) for name in pages}
    rate = {name: median([load.rate for load in loads]) for name, loads in seen.items()}
    how = f"{CLIENTS} connections, median of {size.slices} × {size.slice_seconds:g} s in turns"

    def ratio(poll: str, base: str) -> float:
        """The median of the ratios of neighbours in time."""
        return median([one.rate / other.rate for one, other in zip(seen[poll], seen[base], strict=True)])

    def poll(name: str) -> Figure:
        slow = p95([second for load in seen[name] for second in load.latencies]) * 1000
        return Figure(f"idle poll of a {name}'s page", rate[name], "req/s", None,
                      f"p95 {slow:.0f} ms; {100 * idle[name]:.0f} % found nothing new")

    return [
        Figure("bare view in Django as it comes, no middleware", rate["bare"], "req/s", None, how),
        Figure("same view inside Hub, signed in", rate["house"], "req/s", None, how),
        *(poll(name) for name in pages),
        *(Figure(f"{name} poll / same view inside Hub", ratio(name, "house"), "×", at_least(0.7)) for name in pages),
        *(Figure(f"{name} poll / bare view", ratio(name, "bare"), "×", at_least(0.7)) for name in pages),
        *(Figure(f"queries of an idle {name} poll", _idle_queries(person, page, target), "", at_most(2))
          for name, (page, target) in pages.items()),
    ]


def _share_of_204(load: Load) -> float:
    return sum(answer.status == 204 for answer in load.answers) / len(load.answers)


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
        load = drive(hub.port, [forever(request)], size.slice_seconds * 2).expect(200)
        shown = load.answers[0].body.count(b'id="project-')
        note = f"p95 {p95(load.latencies) * 1000:.0f} ms, {len(load.answers)} times"
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
