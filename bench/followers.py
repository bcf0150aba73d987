"""Who follows the stream over HTTP: how soon after its commit an event is there, with very many who follow parts of it,
and what one finds who was cut off for a minute."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil

from bench.figures import Figure, at_least, at_most, median, p95
from bench.hub import Person, running_hub, settle_down
from bench.size import Size
from hub.tests.listeners import Events, Listener, WebSocket
from hub.tests.system.running_hub import RunningHub

ROOT = Path(__file__).resolve().parent.parent
STREAM = "/api/events/stream"
# Events a second, for so many seconds at most; each is of one of so many kinds, and who follows, follows one of them.
RATE, SECONDS, KINDS = 200, 30, 20


@dataclass
class Cut:
    """One that reads, is away, and goes on from the last position that it has."""

    hub: RunningHub
    kind: type[Listener]
    seen: list[tuple[int, str]] = field(default_factory=list)

    def read(self, until: threading.Event, stop_at: float = float("inf")) -> None:
        """Until a moment (monotonic), or until it was told to end and nothing comes any more."""
        headers = {"Authorization": f"Bearer {self.hub.key}"}
        while time.monotonic() < stop_at:
            after = self.seen[-1][0] if self.seen else 0
            one = self.kind(self.hub.port, f"{STREAM}?after={after}", headers, patience=2.0)
            try:
                while time.monotonic() < stop_at:
                    event = json.loads(one.next()[1])
                    self.seen.append((event["position"], event["id"]))
            except TimeoutError:
                if until.is_set():
                    return
            except ConnectionError:  # after a minute each stream ends
                continue
            finally:
                one.close()

    def faults(self, last: int) -> tuple[int, int]:
        """How many positions it did not get, and how many it got twice or out of order."""
        positions = [position for position, _ in self.seen]
        wrong = sum(then <= first for first, then in pairwise(positions))
        return last - len(set(positions)), wrong


def measure(url: str, size: Size) -> list[Figure]:
    """On one web process, with the database at `url` (empty: SQLite)."""
    name = "PostgreSQL" if url else "SQLite"
    with running_hub(**({"DATABASE_URL": url} if url else {})) as hub:
        person = Person.of(hub)
        settle_down(2)
        return [*_crowd(hub, person, size, name), *_cut(hub, size, name)]


def _crowd(hub: RunningHub, person: Person, size: Size, name: str) -> list[Figure]:
    seconds = min(SECONDS, max(2, size.watch_seconds))
    command = [sys.executable, "-m", "bench.follower_rounds", str(hub.port), str(size.listeners), str(KINDS)]
    listening = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        listening.stdin.write(f"{person.headers['Cookie']}\n{(hub.data / 'hub_id').read_text().strip()}\n")
        listening.stdin.flush()
        assert listening.stdout.readline().strip() == "listening"
        web = _web(hub)
        cost = _seconds(web)
        written = subprocess.run([sys.executable, "-m", "bench.follower_writer", str(RATE), str(seconds), str(KINDS)],
                                 cwd=ROOT, env=hub.environ, check=True, stdout=subprocess.PIPE, text=True)
        wrote, took = json.loads(written.stdout.splitlines()[-1])
        time.sleep(2)
        cost = _seconds(web) - cost
        heard = json.loads(listening.communicate()[0])
    finally:
        listening.kill()
        listening.wait()
    delays, each = heard["delays"], size.listeners // KINDS if size.listeners >= KINDS else 0
    expected = wrote * each if each * KINDS == size.listeners else None
    note = (f"{size.listeners} clients with filters; {wrote / took:.0f} events/s for {took:.0f} s, "
            f"{len(delays):,} messages; median {1000 * median(delays):.0f} ms; {100 * cost / took:.0f} % of a core; "
            f"load {psutil.getloadavg()[0]:.1f}")
    figures = [
        Figure(f"from a commit to a client of the stream, p95, {name}", 1000 * p95(delays), "ms", at_most(250), note),
        Figure(f"events a second meanwhile, {name}", wrote / took, "/s", at_least(0.9 * RATE)),
        Figure(f"refused clients, {name}", heard["refused"], "", at_most(0)),
    ]
    if expected is not None:
        figures.append(Figure(f"messages that did not come, {name}", expected - len(delays), "", at_most(0)))
    return figures


def _cut(hub: RunningHub, size: Size, name: str) -> list[Figure]:
    away = min(60.0, size.watch_seconds)
    ended = threading.Event()
    readers = [Cut(hub, Events), Cut(hub, WebSocket)]

    def live(one: Cut) -> None:
        one.read(ended, time.monotonic() + 3)
        time.sleep(away)
        one.read(ended)

    threads = [threading.Thread(target=live, args=(one,), daemon=True) for one in readers]
    for thread in threads:
        thread.start()
    command = [sys.executable, "-m", "bench.follower_writer", "20", str(away + 6), str(KINDS)]
    subprocess.run(command, cwd=ROOT, env=hub.environ, check=True, stdout=subprocess.DEVNULL)
    ended.set()
    for thread in threads:
        thread.join(120)
    last = max(position for one in readers for position, _ in one.seen)
    figures = []
    for one in readers:
        missed, wrong = one.faults(last)
        figures.append(Figure(f"cut off for {away:.0f} s, {one.kind.__name__}: missed or doubled, {name}",
                              missed + wrong, "", at_most(0), f"{last} events"))
    return figures


def _web(hub: RunningHub) -> list[psutil.Process]:
    web = psutil.Process(hub.children()["web"])
    return [web, *web.children(recursive=True)]


def _seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)
