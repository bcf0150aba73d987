"""Which service of a stack people open."""

from __future__ import annotations

from collections.abc import Sequence

from projects.models import Service

NAMES = ("web", "frontend", "www", "ui", "app", "site")


def front_of(services: Sequence[Service], ports: dict[str, int]) -> int | None:
    """The port to open: of a running service that is named like a front, else of one that no other waits for, else
    of the first that has one. None while nothing of it runs. `ports` are the first host ports by service name."""
    running = [row for row in services if row.state == "running" and row.name in ports]
    needed = {name for row in services for name in row.depends_on}
    named = [row for name in NAMES for row in running if row.name == name]
    last = [row for row in running if row.name not in needed]
    chosen = next(iter([*named, *last, *running]), None)
    return ports[chosen.name] if chosen else None
