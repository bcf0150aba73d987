"""Whether Hub works: for people, load balancers and monitors. Public, so it says nothing that is secret."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from alerts.evaluator import pulse
from events.nats.state import state as nats_state
from events.words import span
from hub.watch import WATCH_STALE, heartbeat_age
from tasks.crews.actions import fixed_number
from tasks.nodes.registry import nodes
from tasks.queue import connect, workers_alive

logger = logging.getLogger(__name__)

OK, DEGRADED, DOWN = "ok", "degraded", "down"

# Bytes free in the data folder below which work slows down soon, and below which it fails.
DISK_LOW = 500 * 1024 * 1024
DISK_FULL = 20 * 1024 * 1024

# Seconds for each of two tries to reach Redis: this page must answer when Redis hangs.
REDIS_TIMEOUT = 0.4

_migrated = False


@never_cache
@csrf_exempt  # so that another method is told that it is wrong
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """`{"status", "version", "database", "redis", "workers", "nodes", "watch", "alerts",
    "disk"}`, each part `{"status", ...}`.

    `status` is ok, degraded or down. Hub as a whole is down (503) without its database; without anything else it is
    degraded (200): pages can be read, and what was asked for is done when the missing part is back.
    """
    parts = {"database": _checked("database", _database), "redis": _checked("redis", _redis)}
    # Who does not reach Redis does not know of workers, and would only wait to hear nothing.
    reachable = parts["redis"]["status"] == OK
    parts["workers"] = _checked("workers", _workers) if reachable else {"status": DOWN}
    parts["nodes"] = _checked("nodes", lambda: _nodes(with_workers=reachable))
    parts |= {name: _checked(name, check) for name, check in (("watch", _watch), ("alerts", _alerts), ("disk", _disk))}
    if parts["database"]["status"] == DOWN:
        status = DOWN
    else:
        status = OK if all(part["status"] == OK for part in parts.values()) else DEGRADED
    body = {"status": status, "version": settings.VERSION, **parts}
    return JsonResponse(body, status=503 if status == DOWN else 200)


@never_cache
@csrf_exempt  # so that another method is told that it is wrong
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """`{"ready", "reasons", "warnings"}`: 200 when requests can be served, 503 with the reasons while they cannot. What
    is wrong elsewhere, such as alerts that nobody looks at, is a warning."""
    reasons = []
    if _checked("database", _database)["status"] != OK:
        reasons.append("the database does not answer")
    elif _checked("migrations", _migrations)["status"] != OK:
        reasons.append("the database is not up to date")
    if _checked("redis", _redis)["status"] != OK:
        reasons.append("Redis does not answer")
    warnings = [] if reasons else [text for text in (_checked("alerts", _alerts).get("warning"),) if text]
    answer = {"ready": not reasons, "reasons": reasons, "warnings": warnings}
    return JsonResponse(answer, status=503 if reasons else 200)


@never_cache
@require_safe
def nats(request: HttpRequest) -> HttpResponse:
    """See `events.nats.state`. 200 also while NATS is away: nothing but what is published there depends on it."""
    return JsonResponse(nats_state())


def _checked(name: str, check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A check that raises has found its part down. What it raised may hold addresses and goes to the log only."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong, this page must say so
        logger.warning("Health: %s: %s", name, error)
        return {"status": DOWN}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"status": OK, "engine": connection.vendor}


def _migrations() -> dict[str, Any]:
    """Looked up until it is true once: no database goes back by itself."""
    global _migrated
    if not _migrated:
        loader = MigrationLoader(connections[DEFAULT_DB_ALIAS])
        _migrated = set(loader.graph.nodes) <= set(loader.applied_migrations)
    return {"status": OK if _migrated else DOWN}


def _redis() -> dict[str, Any]:
    with connect(socket_timeout=REDIS_TIMEOUT) as client:
        client.ping()
    return {"status": OK}


def _workers() -> dict[str, Any]:
    """As many have to be alive as the settings say at least, or as were set by hand."""
    alive, expected = len(workers_alive()), settings.ENV.fewest_workers
    with contextlib.suppress(DatabaseError):  # that it is away is said beside
        expected = fixed_number(settings.HUB_NODE) or expected
    return {"status": OK if alive >= expected else DEGRADED if alive else DOWN, "alive": alive, "expected": expected}


def _nodes(*, with_workers: bool) -> dict[str, Any]:
    """The other hosts; of this one the other parts tell. Which of them is silent says the page of workers."""
    others = [one for one in nodes(with_workers=with_workers) if not one.is_here]
    well = sum(one.is_well for one in others)
    return {"status": OK if well == len(others) else DEGRADED, "others": len(others), "well": well}


def _watch() -> dict[str, Any]:
    age = heartbeat_age()
    return {
        "status": OK if age is not None and age <= WATCH_STALE else DOWN,
        "age": None if age is None else round(age, 1),
    }


def _alerts() -> dict[str, Any]:
    """A dead man's switch: whoever asks hears it when rules are not looked at any more."""
    found = pulse()
    if not found.is_late:
        return {"status": OK, "age": round(found.age or 0, 1)}
    if found.age is None:
        return {"status": DEGRADED, "age": None, "warning": "the rules of alerts were never looked at"}
    return {"status": DEGRADED, "age": round(found.age, 1),
            "warning": f"the rules of alerts were not looked at for {span(found.age)}"}


def _disk() -> dict[str, Any]:
    free = shutil.disk_usage(settings.HUB_DATA).free
    return {"status": OK if free >= DISK_LOW else DEGRADED if free >= DISK_FULL else DOWN, "free": free}

