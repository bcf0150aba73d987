"""How much processor, memory, network and disk the services of a stack use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker

from projects.engines.base import Usage
from projects.engines.compose.containers import Container
from projects.engines.compose.naming import project_name
from projects.stacks.spec import Stack

AT_ONCE = 8
# Docker counts processor time in nanoseconds.
NANOSECONDS = 1e9


class Meter:
    """Measures stacks; it remembers each container's processor time from one call to the next."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: dict[str, tuple[str, float, float]] = {}

    def measure(self, client: docker.APIClient, stack: Stack, containers: list[Container]) -> list[Usage]:
        alive = [one for one in containers if one.state in ("running", "paused")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = dict(zip((one.id for one in alive), pool.map(lambda one: _ask(client, one.id), alive),
                               strict=True))
        with self._lock:
            shares = {one.id: self._share(project_name(stack), one.id, answers[one.id]) for one in alive}
            self._before = {key: value for key, value in self._before.items()
                            if value[0] != project_name(stack) or key in answers}
        found = []
        for service in stack.services:
            own = [one.id for one in alive if one.service == service.name]
            known = [share for one in own if (share := shares[one]) is not None]
            stats = [answers[one] for one in own]
            found.append(Usage(
                service.name,
                cpu=sum(known) if own and len(known) == len(own) else None,
                memory=sum(_memory(one) for one in stats),
                processes=sum((one.get("pids_stats") or {}).get("current", 0) for one in stats),
                network_in=sum(_network(one, "rx_bytes") for one in stats),
                network_out=sum(_network(one, "tx_bytes") for one in stats),
                disk_read=sum(_disk(one, "read") for one in stats),
                disk_written=sum(_disk(one, "write") for one in stats),
            ))
        return found

    def forget(self, stack: Stack) -> None:
        with self._lock:
            self._before = {key: value for key, value in self._before.items() if value[0] != project_name(stack)}

    def _share(self, project: str, container: str, stats: dict[str, Any]) -> float | None:
        total = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
        system = (stats.get("cpu_stats") or {}).get("system_cpu_usage")
        if total is None or system is None:
            return None
        before = self._before.get(container)
        self._before[container] = (project, total, system)
        if before is None or system <= before[2]:
            return None
        cores = (stats["cpu_stats"].get("online_cpus") or 1)
        return max(0.0, (total - before[1]) / (system - before[2]) * cores)


def _ask(client: docker.APIClient, container: str) -> dict[str, Any]:
    """One sample, at once; empty when the container has gone."""
    try:
        return client.stats(container, stream=False, one_shot=True)
    except docker.errors.APIError:
        return {}


def _memory(stats: dict[str, Any]) -> int:
    """What is in use without the cache of files, as `docker stats` shows it."""
    memory = stats.get("memory_stats") or {}
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(0, memory.get("usage", 0) - cache)


def _network(stats: dict[str, Any], direction: str) -> int:
    return sum(one.get(direction, 0) for one in (stats.get("networks") or {}).values())


def _disk(stats: dict[str, Any], operation: str) -> int:
    entries = (stats.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    return sum(one.get("value", 0) for one in entries if str(one.get("op", "")).lower() == operation)
