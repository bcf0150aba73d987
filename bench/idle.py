"""What Hub costs while nobody asks anything: memory as the kernel shares it out (PSS), and processor time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from bench.figures import Figure, at_most, median
from bench.hub import SHOP, SLEEP, Person, all_ended, folder, running_hub, settle_down, stop_all
from bench.size import Size
from hub.tests.system.running_hub import RunningHub

MIB = 2**20


def run(size: Size) -> list[Figure]:
    """First with every project stopped, then with many running."""
    with running_hub() as hub:
        figures = _stopped(hub, size)
        figures += _running(hub, size)
    return figures


def _stopped(hub: RunningHub, size: Size) -> list[Figure]:
    person = Person.of(hub)
    there = len(hub.get("/api/projects?limit=200").body["items"])
    projects = [hub.add(f"Idle {number}", SHOP) for number in range(max(1, size.idle_projects - there))]
    # Used once, as by somebody who looks around: an untouched Hub would be smaller.
    for path in ("/", "/projects/", f"/projects/{projects[0]}/", "/tasks/", "/events/"):
        assert person.get(path).status == 200, path
    hub.start(projects[0])
    stop_all(hub, projects[:1])
    settle_down(3)
    parts = {name: pss(psutil.Process(pid)) for name, pid in parts_of(hub).items()}
    spent = processor(hub, size.idle_seconds)
    split = ", ".join(f"{name} {value:.0f}" for name, value in parts.items())
    return [
        Figure(f"memory of an idle Hub with {size.idle_projects} projects", sum(parts.values()), "MiB", at_most(300),
               f"PSS: {split}"),
        Figure(f"processor of an idle Hub with {size.idle_projects} projects", sum(spent.values()), "%", None,
               f"of one core, over {size.idle_seconds:g} s: {_shares(spent)}"),
    ]


def _running(hub: RunningHub, size: Size) -> list[Figure]:
    place = folder(hub, "sleep", SLEEP)
    projects = [hub.add(f"Sleeps {number}", place) for number in range(size.idle_stacks)]
    all_ended(hub, [hub.ask(project, "start") for project in projects])
    settle_down(3)
    supervisors = supervisors_of(hub.data)
    sizes = [pss(process) for process in supervisors]
    before = seconds_of(supervisors)
    spent = processor(hub, size.idle_seconds)
    supervising = 100 * (seconds_of(supervisors) - before) / size.idle_seconds
    stop_all(hub, projects)
    return [
        Figure("memory of one supervisor", median(sizes), "MiB", None, f"PSS, median of {len(sizes)}"),
        Figure(f"processor of {len(supervisors)} supervisors", supervising, "%", None,
               f"of one core, over {size.idle_seconds:g} s; {4 * len(supervisors)} idle services"),
        Figure(f"processor of Hub with {size.idle_stacks} running stacks", sum(spent.values()), "%", None,
               f"of one core, over {size.idle_seconds:g} s: {_shares(spent)}"),
    ]


def pss(process: psutil.Process) -> float:
    """MiB of a process, shared pages divided among those who share them."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return int(re.search(r"(?m)^Pss: +(\d+) kB", text)[1]) * 1024 / MIB


def parts_of(hub: RunningHub) -> dict[str, int]:
    """Every process of Hub itself, by name; not those of its stacks."""
    named = {"up": hub.process.pid, **hub.children()}
    for name, pid in list(named.items()):
        if name != "up":
            children = psutil.Process(pid).children(recursive=True)
            named |= {f"{name}'s child {number}": child.pid for number, child in enumerate(children, 1)}
    return named


def processor(hub: RunningHub, seconds: float) -> dict[str, float]:
    """Per cent of one core that each part of Hub used, measured over so many seconds."""
    watched = {name: psutil.Process(pid) for name, pid in parts_of(hub).items()}
    before = {name: seconds_of([process]) for name, process in watched.items()}
    time.sleep(seconds)
    return {name: 100 * (seconds_of([process]) - before[name]) / seconds for name, process in watched.items()}


def seconds_of(processes: Iterable[psutil.Process]) -> float:
    """Processor time used so far, also by children that have ended."""
    return sum(sum(process.cpu_times()[:4]) for process in processes)


def _shares(spent: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.1f}" for name, share in spent.items() if share >= 0.05) or "nothing"


def supervisors_of(data: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any("supervisor" in word for word in words) and any(str(data) in word for word in words):
            found.append(process)
    return found
