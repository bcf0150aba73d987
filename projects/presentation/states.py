"""The word, the shape and the colour of each state: always all three."""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """`state` picks the colour (`data-state`), `icon` the shape, `word` is what is read."""

    state: str
    icon: str
    word: str


PROJECT = {
    "running": Look("running", "s-running", "Running"),
    "starting": Look("starting", "s-moving", "Starting"),
    "stopping": Look("stopping", "s-moving", "Stopping"),
    "stopped": Look("stopped", "s-stopped", "Stopped"),
    "failed": Look("failed", "s-failed", "Failed"),
    "degraded": Look("degraded", "s-degraded", "Degraded"),
    "unknown": Look("unknown", "s-unknown", "Unknown"),
}

SERVICE = {
    **PROJECT,
    "completed": Look("healthy", "s-succeeded", "Completed"),
    "restarting": Look("degraded", "s-degraded", "Restarting"),
    "paused": Look("stopped", "s-stopped", "Paused"),
    "missing": Look("failed", "s-failed", "Missing"),
}


def of_project(state: str) -> Look:
    """How a project's shown state looks."""
    return PROJECT.get(state, PROJECT["unknown"])


def of_service(state: str, health: str = "none") -> Look:
    """How a service's observed state looks. One that runs and does not answer its check is degraded."""
    if state == "running" and health == "unhealthy":
        return Look("degraded", "s-degraded", "Unhealthy")
    return SERVICE.get(state, SERVICE["unknown"])
