"""Which service of a stack people open."""

from __future__ import annotations

import re
from collections.abc import Sequence

from projects.models import Service

NAMES = ("web", "frontend", "www", "ui", "app", "site")
# What listens, and is nothing for a browser, by its well-known names; a part such as `ui` or `admin` says otherwise.
OTHER_PROTOCOLS = frozenset({
    "postgres", "postgresql", "pg", "db", "database", "mysql", "mariadb", "mongo", "mongodb", "redis", "valkey",
    "cache", "memcached", "amqp", "rabbit", "rabbitmq", "nats", "kafka", "smtp",
})
BROWSED = frozenset({*NAMES, "admin", "api", "console", "dashboard"})


def speaks_http(service: str) -> bool:
    """Whether a service of this name is worth a link: all but those that are named like a database, a cache or a
    queue (`redis`, `orders-db`, `postgres16`), so far as a name can tell."""
    parts = set(re.findall("[a-z]+", service.lower()))
    return bool(parts & BROWSED) or not parts & OTHER_PROTOCOLS


def front_of(services: Sequence[Service], ports: dict[str, int]) -> int | None:
    """The port to open: of a running service that is named like a front, else of one that no other waits for, else
    of the first that has one. None while nothing runs that a browser can open. `ports` are the first host ports by
    service name."""
    running = [row for row in services if row.state == "running" and row.name in ports and speaks_http(row.name)]
    needed = {name for row in services for name in row.depends_on}
    named = [row for name in NAMES for row in running if row.name == name]
    last = [row for row in running if row.name not in needed]
    chosen = next(iter([*named, *last, *running]), None)
    return ports[chosen.name] if chosen else None
