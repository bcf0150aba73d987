"""A storm: so many events by writers at once, while relay, Redis and NATS are killed. What it found says `Verdict`."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import Error, OperationalError, connections, transaction

from conftest import REPOSITORY, RedisServer
from events.actions import record
from events.nats.carrier import stream_name
from events.relay.numbering import last_position, mark
from events.relay.source import Source
from hub.tests.nats_server import NatsServer

# A transaction writes up to so many events, and takes up to so many seconds.
MOST, LONGEST = 12, 0.03
# One of so many is undone.
UNDONE = 10


@dataclass
class Verdict:
    """`faults` by what they are, all of which have to be absent; `written`: how many events were committed."""

    written: int
    seconds: float
    kills: Counter[str]
    cuts: int
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not any(self.faults.values())


class Reader(threading.Thread):
    """Reads the stream from the begin, is cut off again and again, and goes on from the last position that it saw."""

    def __init__(self, chance: random.Random, ended: threading.Event, length: Callable[[], int | None]):
        super().__init__(daemon=True)
        self._chance, self._ended, self._length = chance, ended, length
        self.seen: list[tuple[int, str]] = []
        self.cuts = 0

    def run(self) -> None:
        source = Source()
        try:
            while not self._ended.is_set() and len(self.seen) != self._length():
                try:
                    entries = source.more(self.seen[-1][0] if self.seen else 0, 0.2)
                except Error:
                    connections.close_all()
                    continue
                # What was on the line when it was cut did not arrive.
                arrived = self._chance.randint(0, len(entries)) if self._chance.random() < 0.1 else len(entries)
                if arrived < len(entries):
                    self.cuts, source = self.cuts + 1, Source()
                self.seen += [(entry.position, entry.text) for entry in entries[:arrived]]
        finally:
            connections.close_all()


class Storm:
    """`environ`: in which the relay runs; without a NATS server only the others are killed."""

    def __init__(self, environ: dict[str, str], redis: RedisServer, nats: NatsServer | None = None, seed: int = 1):
        self._environ = {**environ, "NATS_URL": nats.url if nats else ""}
        self._redis, self._nats = redis, nats
        self._chance = random.Random(seed)
        self._relay: subprocess.Popen | None = None
        self._committed: list[str] = []
        self._lock = threading.Lock()
        self._left = 0

    def run(self, events: int, *, writers: int = 8, readers: int = 3, pause: float = 0.5, patience: float = 120.0,
            fewest: int = 3) -> Verdict:
        """Write at least so many; seconds of `pause` between two kills on average, of which there are `fewest` at
        least; of `patience` for all to arrive."""
        began, kills, ended = time.monotonic(), Counter(), threading.Event()
        self._left, total = events, []
        listening = [Reader(random.Random(self._chance.random()), ended, lambda: total[0] if total else None)
                     for _ in range(readers)]
        writing = [threading.Thread(target=self._write, args=(random.Random(self._chance.random()),), daemon=True)
                   for _ in range(writers)]
        self._begin_relay()
        try:
            for thread in (*listening, *writing):
                thread.start()
            while any(thread.is_alive() for thread in writing) or sum(kills.values()) < fewest:
                time.sleep(self._chance.uniform(0.2, 1.8) * pause)
                kills[self._kill()] += 1
            total.append(len(self._committed))
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and not self._has_all(total[0], listening):
                time.sleep(0.1)
        finally:
            ended.set()
            for thread in listening:
                thread.join(10)
            self._relay.kill()
            self._relay.wait()
        return Verdict(total[0], time.monotonic() - began, kills, sum(one.cuts for one in listening),
                       self._faults(listening))

    def _write(self, chance: random.Random) -> None:
        try:
            while True:
                number = chance.randint(1, MOST)
                with self._lock:
                    if self._left <= 0:
                        return
                    is_undone = chance.randrange(UNDONE) == 0
                    self._left -= 0 if is_undone else number
                written: list[str] = []
                try:
                    with transaction.atomic():
                        for _ in range(number):
                            written.append(str(record("storm.blew", {"number": len(written)}).pk))
                            time.sleep(chance.uniform(0, LONGEST / number))
                        if is_undone:
                            raise _UndoneError
                except _UndoneError:
                    continue
                except OperationalError:  # it waited for too long while others wrote: it is undone, and begun anew
                    with self._lock:
                        self._left += 0 if is_undone else number
                    continue
                with self._lock:
                    self._committed += written
        finally:
            connections.close_all()

    def _kill(self) -> str:
        """Kill one of them with SIGKILL, and let it rise again a little later."""
        victims = ["relay", "redis", *(["nats"] if self._nats else [])]
        victim = self._chance.choice(victims)
        rest = self._chance.uniform(0, 0.3)
        if victim == "relay":
            self._relay.kill()
            self._relay.wait()
            time.sleep(rest)
            self._begin_relay()
        else:
            server = self._redis if victim == "redis" else self._nats
            server.kill()
            time.sleep(rest)
            server.start()
        return victim

    def _begin_relay(self) -> None:
        self._relay = subprocess.Popen([sys.executable, "-m", "hub.tests.storm.relay_process"], cwd=REPOSITORY,
                                       env=self._environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)

    def _has_all(self, total: int, readers: list[Reader]) -> bool:
        return (last_position() == total and all(len(reader.seen) >= total for reader in readers)
                and (self._nats is None or mark("nats") >= total))

    def _faults(self, readers: list[Reader]) -> dict[str, int]:
        committed = set(self._committed)
        faults: Counter[str] = Counter()
        for reader in readers:
            positions = [position for position, _ in reader.seen]
            ids = [text.partition('"id":"')[2][:36] for _, text in reader.seen]
            faults["gaps, doubles or out of order for readers"] += positions != list(range(1, len(committed) + 1))
            faults["events that a reader did not get"] += len(committed - set(ids))
            faults["events that never were"] += len(set(ids) - committed)
        if self._nats is not None:
            messages = [(int(headers["Hub-Position"]), event["id"])
                        for _, headers, event in self._nats.messages(stream_name())]
            first = dict(reversed([(key, position) for position, key in messages]))
            faults["events that NATS did not get"] += len(committed - set(first))
            faults["out of order in NATS"] += list(dict.fromkeys(key for _, key in messages)) != sorted(
                first, key=first.get)
        return dict(faults)


class _UndoneError(Exception):
    """A writer changes its mind."""
