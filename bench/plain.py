"""The same Procfile without Hub: as bare processes, and under honcho. What Hub's starts are compared with."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from projects.stacks import detect
from projects.stacks.spec import ServiceSpec

WITHIN = 30.0
# How often services are asked whether they answer: finer than the differences that matter.
ASK_EVERY = 0.005
# As honcho and Foreman number ports: a hundred apart, in the order of the file.
STEP = 100

Moment = Callable[[], None]


def services(folder: Path) -> tuple[ServiceSpec, ...]:
    """What the folder's Procfile runs."""
    return detect.read(folder).services


def until_answering(wanted: Sequence[ServiceSpec], ports: dict[str, int]) -> None:
    """Wait until every service that has a port answers: its health path with 200, or by accepting a connection."""
    deadline = time.monotonic() + WITHIN
    silent = [service for service in wanted if service.name in ports]
    while silent := [service for service in silent if not answers(ports[service.name], _health(service))]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer within {WITHIN:g} s: {[service.name for service in silent]}")
        time.sleep(ASK_EVERY)


def answers(port: int, path: str) -> bool:
    """Whether a service on this machine is well."""
    try:
        if not path:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


def start_bare(folder: Path, began: Moment, done: Moment, *, in_order: bool = False) -> None:
    """Start the commands of a Procfile as processes, call `done` when all answer, and end them. All at once, or
    `in_order`: each when those that it depends on answer."""
    waiting = list(services(folder))
    base = _free_base(len(waiting))
    ports = {service.name: base + STEP * number for number, service in enumerate(waiting)}
    processes: list[subprocess.Popen] = []
    with _ended(processes):
        began()
        up: list[ServiceSpec] = []
        while waiting:
            names = {service.name for service in up}
            due = [service for service in waiting if not in_order or names >= set(service.depends_on)]
            for service in due:
                waiting.remove(service)
                port = str(ports[service.name])
                processes.append(_spawn(["/bin/sh", "-c", f"exec {service.command}"], folder, PORT=port))
            up += due
            until_answering(up, ports)
        done()


def start_honcho(folder: Path, began: Moment, done: Moment) -> None:
    """The same under honcho, which starts all at once."""
    wanted = services(folder)
    base = _free_base(len(wanted))
    processes: list[subprocess.Popen] = []
    with _ended(processes):
        began()
        processes.append(_spawn([sys.executable, "-m", "honcho", "start", "-p", str(base)], folder))
        until_answering(wanted, {service.name: base + STEP * number for number, service in enumerate(wanted)})
        done()


def _health(service: ServiceSpec) -> str:
    return service.ready.path if service.ready.kind == "http" else ""


def _free_base(count: int) -> int:
    """A port from which every hundredth is free."""
    for base in range(12000 + os.getpid() % 1000, 20000, 7):
        if not any(answers(base + STEP * number, "") for number in range(count)):
            return base
    raise TimeoutError("no row of free ports")


def _spawn(command: list[str], folder: Path, **variables: str) -> subprocess.Popen:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", **variables}
    return subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True)


@contextmanager
def _ended(processes: list[subprocess.Popen]) -> Iterator[None]:
    """Ends the processes and all that they started."""
    try:
        yield
    finally:
        family = [psutil.Process(process.pid) for process in processes if process.poll() is None]
        family += [child for process in family for child in process.children(recursive=True)]
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        _, left = psutil.wait_procs(family, timeout=5)
        for process in left:
            process.kill()
        for process in processes:
            process.wait()
