"""How much processor and memory the services of a stack use."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from projects.engines.base import Usage
from projects.engines.process.environment import marker
from projects.engines.process.family import Family
from projects.engines.process.observe import View
from projects.engines.process.processes import CLOCK_TICKS, Stat, table
from projects.stacks.spec import Stack

# One look at all processes serves every stack that is asked about within this time.
SHARED_TABLE_SECONDS = 1.0


class Meter:
    """Measures stacks; it remembers each stack's processor time from one call to the next."""

    def __init__(self):
        self._lock = threading.Lock()
        self._table: dict[int, Stat] = {}
        self._looked_at = float("-inf")
        self._families: dict[str, Family] = {}
        self._before: dict[tuple[str, str], tuple[float, dict[tuple[int, int], int], float | None]] = {}

    def measure(self, stack: Stack, view: View) -> list[Usage]:
        with self._lock:
            family = self._family(stack)
            return [self._service(stack, view, family, service.name) for service in stack.services]

    def forget(self, stack: Stack) -> None:
        with self._lock:
            name = marker(stack)
            self._families.pop(name, None)
            self._before = {key: value for key, value in self._before.items() if key[0] != name}

    def _family(self, stack: Stack) -> Family:
        now = time.monotonic()
        if now - self._looked_at > SHARED_TABLE_SECONDS:
            self._table, self._looked_at = table(), now
        family = self._families.setdefault(marker(stack), Family(marker(stack)))
        family.show(self._table)
        return family

    def _service(self, stack: Stack, view: View, family: Family, service: str) -> Usage:
        members: dict[int, Stat] = {}
        for name in stack.definition.service(service).instance_names():
            record = view.records.get(name)
            if record is not None and record["pid"] in family.seen:
                members.update(family.members({record["pid"]: record["start"]}, instance=name))
        memory = sum(memory_of(stat.pid) for stat in members.values())
        ticks = {stat.identity: stat.cpu for stat in members.values()}
        read, written = disk_of(stat.pid for stat in members.values())
        return Usage(service, self._share((marker(stack), service), ticks), memory, len(members),
                     disk_read=read, disk_written=written)

    def _share(self, key: tuple[str, str], ticks: dict[tuple[int, int], int]) -> float | None:
        if key not in self._before:
            self._before[key] = (self._looked_at, ticks, None)
            return None
        at, earlier, share = self._before[key]
        if self._looked_at > at:
            used = sum(max(0, cpu - earlier.get(identity, 0)) for identity, cpu in ticks.items())
            share = used / CLOCK_TICKS / (self._looked_at - at)
            self._before[key] = (self._looked_at, ticks, share)
        return share


def disk_of(pids: Iterable[int]) -> tuple[int | None, int | None]:
    """Bytes that living processes had the disk read and write; None where that may not be read of any of them. What
    ended processes did is not in it."""
    read = written = None
    for pid in pids:
        try:
            with open(f"/proc/{pid}/io", encoding="ascii") as file:
                counts = dict(line.split(": ") for line in file)
            read = (read or 0) + int(counts["read_bytes"])
            written = (written or 0) + int(counts["write_bytes"])
        except (OSError, KeyError, ValueError):
            # Ended meanwhile, or not ours to read.
            continue
    return read, written


def memory_of(pid: int) -> int:
    """Bytes of memory of a process: its proportional share (PSS) where that can be read, else what is resident."""
    for path, name in ((f"/proc/{pid}/smaps_rollup", "Pss:"), (f"/proc/{pid}/status", "VmRSS:")):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.startswith(name):
                        return int(line.split()[1]) * 1024
        except OSError:
            # Ended meanwhile, or not ours to read: the next source, or nothing.
            continue
    return 0
