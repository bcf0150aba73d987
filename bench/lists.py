"""A page of a list of very many tasks and the memory of who serves it: Hub, Flower and rq-dashboard, one after the
other on the same machine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import psutil

from bench.figures import Figure, at_most, median, p95
from bench.hub import Person, running_hub, settle_down
from bench.peers.lists import PEERS, python
from bench.size import Size
from projects.tests.port_slice import claimed

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20


def run(size: Size) -> list[Figure]:
    """Hub's page and memory; those of the others, where pip can get them, in turns with Hub's page."""
    with running_hub() as hub:
        command = [sys.executable, "-m", "bench.crowd", str(size.beside), "0"]
        subprocess.run(command, cwd=ROOT, env=hub.environ, check=True)
        settle_down(3)
        person, beside = Person.of(hub), python() if size.peers else None
        ours, figures = _asked(lambda: _hub_seconds(person), size), []
        for peer in PEERS if beside else ():
            socket = hub.data / "redis" / "redis.sock"
            port = claimed().free()
            with peer.serving(beside, socket, port, size.beside) as web:
                settle_down(1)
                took = _asked(lambda peer=peer, port=port: _seconds(port, peer.paths), size)
                figures += _figures(peer.name, took, [psutil.Process(web.pid)], size, None)
                ours += _asked(lambda: _hub_seconds(person), size)
        web = psutil.Process(hub.children()["web"])
        return [*_figures("Hub", ours, [web, *web.children(recursive=True)], size, 50), *figures]


def _asked(seconds: Callable[[], float], size: Size) -> list[float]:
    """The milliseconds of each time but the first."""
    return [seconds() * 1000 for _ in range(size.searches + 1)][1:]


def _hub_seconds(person: Person) -> float:
    answer = person.get("/tasks/")
    assert answer.status == 200
    return answer.seconds


def _figures(name: str, took: list[float], processes: list[psutil.Process], size: Size, bound: float | None
             ) -> list[Figure]:
    memory = sum(process.memory_full_info().pss for process in processes)
    return [
        Figure(f"page of a list of {size.beside:,}, {name}, p95", p95(took), "ms", bound and at_most(bound),
               f"median {median(took):.0f} ms"),
        Figure(f"memory of who serves it, {name}", memory / MIB, "MiB", None, "PSS, not Redis or a database"),
    ]


def _seconds(port: int, paths: tuple[str, ...]) -> float:
    """What a browser asks for to show the list, without styles and scripts."""
    began = time.perf_counter()
    for path in paths:
        with urlopen(f"http://127.0.0.1:{port}/{path}", timeout=60) as answer:
            assert answer.read()
    return time.perf_counter() - began
