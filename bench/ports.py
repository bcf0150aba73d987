"""Leasing ports: many creates at once, and what a create costs while more and more ports are leased."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.figures import Figure, at_most, median
from bench.hub import SHOP, running_hub
from bench.size import Size
from hub.tests.system.running_hub import REPOSITORY, Answer, RunningHub


def run(size: Size) -> list[Figure]:
    """Over HTTP where it is about many at once; in one process where it is about the price of one."""
    with running_hub() as hub:
        figures = _at_once(hub, size)
    return figures + _prices(size)


def _at_once(hub: RunningHub, size: Size) -> list[Figure]:
    answers: list[Answer] = []

    def create(number: int) -> None:
        answers.append(hub.post("/api/projects", {"name": f"At once {number}", "path": str(SHOP)}))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(size.clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    refused = [answer for answer in answers if answer.status != 201]
    leased = [port["port"] for answer in answers if answer.status == 201 for port in answer.body["ports"]]
    return [
        Figure(f"{size.clients} creates at once: refused", len(refused), "", at_most(0),
               "; ".join(str(answer.body)[:100] for answer in refused[:2])),
        Figure(f"{size.clients} creates at once: duplicate ports", len(leased) - len(set(leased)), "", at_most(0),
               f"{len(leased)} ports leased"),
        Figure(f"{size.clients} creates at once: all answered after", took, "s", None,
               f"slowest answer {max(answer.seconds for answer in answers):.2f} s"),
    ]


def _prices(size: Size) -> list[Figure]:
    """What `bench.leases` measured, in a process with a database of its own."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as scratch:
        low = 21000 + os.getpid() * 41 % 10000
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        environment |= {"HUB_DATA": str(Path(scratch) / "data"), "HUB_PORT_RANGE": f"{low}-{low + 999}",
                        "DATABASE_URL": "", "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "hub.settings"}
        command = [sys.executable, "-m", "bench.leases", str(size.creates), *map(str, size.leases)]
        answer = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120,
                                check=False)
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    figures, first = [], 0.0
    for seen in json.loads(answer.stdout.splitlines()[-1]):
        create, bare = median(seen["create"]) * 1000, median(seen["bare"]) * 1000
        first = first or create
        figures.append(Figure(f"a create with {seen['leases']} leases present", create, "ms", None,
                              f"{create / bare:.1f} × four bare binds and inserts ({bare:.1f} ms), "
                              f"{create / first:.1f} × that with {size.leases[0]}; median of {size.creates}, in turns"))
    return figures
