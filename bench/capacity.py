"""What a Hub needs as its projects grow: memory, processor and disk of Hub itself, and of each start."""

from __future__ import annotations

import json
import time
from pathlib import Path

import psutil

from bench.figures import Figure, at_most, median
from bench.hub import ONE_SLEEP, Person, all_ended, folder, running_hub, settle_down, stop_all
from bench.idle import parts_of, processor, pss, seconds_of, supervisors_of
from bench.size import Size
from hub.tests.system.running_hub import RunningHub

MIB = 2**20
PAGES = {"the dashboard": "/", "the list of projects": "/projects/"}


def run(size: Size) -> list[Figure]:
    """Hub grows in steps of (projects, of which so many run); at each it is looked at while nobody asks anything."""
    figures: list[Figure] = []
    with running_hub() as hub:
        place, person = folder(hub, "sleep", ONE_SLEEP), Person.of(hub)
        there = len(hub.get("/api/projects?limit=200").body["items"])
        projects: list[int] = []
        runs = 0
        for registered, running in size.steps:
            while len(projects) + there < registered:
                projects.append(hub.add(f"Stack {len(projects)}", place))
            if running > runs:
                figures += _starts(hub, projects[runs:running])
                runs = running
            figures += _standing(hub, person, size, registered, running)
        stop_all(hub, projects[:runs])
    return figures


def _starts(hub: RunningHub, projects: list[int]) -> list[Figure]:
    """Start them all, and what that took."""
    processes = [psutil.Process(pid) for pid in parts_of(hub).values()]
    spent, disk, began = seconds_of(processes), _size(hub.data), time.monotonic()
    all_ended(hub, [hub.ask(project, "start") for project in projects], 600)
    took = time.monotonic() - began
    return [
        Figure(f"a start, when {len(projects)} are asked for at once", took / len(projects), "s", None,
               f"{took:.0f} s for all; two workers"),
        Figure(f"processor time of Hub for each of {len(projects)} starts", (seconds_of(processes) - spent)
               / len(projects), "s", None, "web, workers, watch; not the supervisors"),
        Figure(f"disk for each of {len(projects)} starts", (_size(hub.data) - disk) / len(projects) / 1024, "KiB", None,
               "database, its write-ahead log, Redis and files of the stack"),
    ]


def _standing(hub: RunningHub, person: Person, size: Size, registered: int, running: int) -> list[Figure]:
    for path in PAGES.values():
        assert person.get(path).status == 200, path
    settle_down(3)
    parts = {name: pss(psutil.Process(pid)) for name, pid in parts_of(hub).items()}
    spent = processor(hub, size.idle_seconds)
    supervisors = supervisors_of(hub.data)
    own = [pss(process) for process in supervisors]
    said = f"{registered} projects, {running} running"
    figures = [
        Figure(f"memory of Hub: {said}", sum(parts.values()), "MiB", None,
               "PSS: " + ", ".join(f"{name} {value:.0f}" for name, value in parts.items())),
        Figure(f"processor of Hub: {said}", sum(spent.values()), "%", None,
               "of one core: " + ", ".join(f"{name} {share:.1f}" for name, share in spent.items() if share >= 0.05)),
        Figure(f"memory of one supervisor: {said}", median(own) if own else 0.0, "MiB", None,
               f"PSS, median of {len(own)}"),
        Figure(f"oldest look at a running stack: {said}", _oldest_look(hub), "s", at_most(8),
               "then its state would be shown as unknown"),
        Figure(f"data folder: {said}", _size(hub.data) / MIB, "MiB"),
    ]
    for name, path in PAGES.items():
        times = [person.get(path).seconds * 1000 for _ in range(size.rounds * 2)]
        figures.append(Figure(f"{name}: {said}", median(times), "ms", None, f"median of {len(times)}"))
    return figures


AGE = """
import json
from django.utils import timezone
from projects.models import Project
seen = Project.everything.filter(desired="running").values_list("observed_at", flat=True)
print(json.dumps(max([(timezone.now() - one).total_seconds() for one in seen if one], default=0.0)))
"""


def _oldest_look(hub: RunningHub) -> float:
    """Seconds since watch looked at the stack of which that is longest ago."""
    return json.loads(hub.manage("shell", "-c", AGE).strip().splitlines()[-1])


def _size(place: Path) -> int:
    """Bytes that a folder takes on the disk."""
    total = 0
    for path in place.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:  # written over meanwhile
            continue
    return total
