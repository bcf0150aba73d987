"""Flower and rq-dashboard with very many tasks: a web process of each, as it comes, on the Redis that is named."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from bench.peers import FOLDER, HERE, installed

REQUIREMENTS = HERE / "lists.txt"
PATIENCE = 120
PORTION = 2000
# As its page asks for it, without the columns that it does not sort by.
TABLE = ("tasks/datatable?draw=1&start=0&length=50&search%5Bvalue%5D=&order%5B0%5D%5Bcolumn%5D=7"
         "&columns%5B7%5D%5Bdata%5D=received&order%5B0%5D%5Bdir%5D=desc")


@dataclass(frozen=True, slots=True)
class ListPeer:
    """`serves`: the arguments of Python that serve it at `{port}`, of the Redis at `{url}`; `paths`: what its list asks
    for, one after the other; `source`: of whom it tells; `marks`: how many of these its metrics count for each task,
    when it takes in what it is told by itself."""

    name: str
    serves: tuple[str, ...]
    paths: tuple[str, ...]
    source: str
    scheme: str
    database: int
    marks: int = 0

    @contextmanager
    def serving(self, python: Path, socket: Path, port: int, number: int) -> Iterator[subprocess.Popen]:
        """Its web process, which knows of so many tasks."""
        url = f"{self.scheme}://{socket}?{'virtual_host' if self.marks else 'db'}={self.database}"
        plain = {name: value for name, value in os.environ.items()
                 if not name.startswith(("HUB_", "DJANGO_", "PYTHON"))}
        command = [python, *(word.format(port=port, url=url) for word in self.serves)]
        quiet = {"cwd": HERE, "env": {**plain, "PEER_URL": url}}
        web = subprocess.Popen(command, **quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)
        try:
            _until(lambda: _answers(port), f"{self.name} is up")
            with subprocess.Popen([python, "fill.py", self.source], **quiet, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) as filling:
                for told in range(PORTION, number + 1, PORTION):
                    filling.stdin.write(f"{PORTION}\n")
                    filling.stdin.flush()
                    assert filling.stdout.readline() == "told\n"
                    # Told too fast, Redis would cut it off.
                    _until(lambda told=told: _heard(port) >= self.marks * told if self.marks else True,
                           f"{self.name} has taken in {told} tasks")
                filling.stdin.close()
            yield web
        finally:
            web.terminate()
            try:
                web.wait(10)
            except subprocess.TimeoutExpired:
                web.kill()
                web.wait()


PEERS = (
    ListPeer("Flower", ("-m", "celery", "--broker={url}", "flower", "--port={port}", "--address=127.0.0.1"),
             ("tasks", TABLE), "celery", "redis+socket", 6, marks=3),
    ListPeer("rq-dashboard", ("-m", "rq_dashboard", "--bind=127.0.0.1", "--port={port}", "--redis-url={url}"),
             ("0/view/jobs/default/queued/50/asc/1", "0/data/jobs/default/queued/50/asc/1.json"), "rq", "unix", 7),
)


def python() -> Path | None:
    """The interpreter that has both; None when pip cannot get them, which is said."""
    return installed(REQUIREMENTS, FOLDER.with_name("bench-peers-lists"), "Flower and rq-dashboard")


def _heard(port: int) -> float:
    """How many events Flower has taken in."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        said = answer.read().decode()
    return sum(float(number) for number in re.findall(r"^flower_events_total\{.*\} (\S+)$", said, re.MULTILINE))


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE):
            return True
    except (URLError, ConnectionError):
        return False


def _until(met: object, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {PATIENCE} s until {what}.")
        time.sleep(0.1)
