"""The dashboard: every project's card, the numbers that matter now, and what happened last."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import require
from accounts.models import Role
from events.context import current
from events.ids import earliest
from projects.examples import examples
from projects.models import PortLease
from projects.presentation.activity import recent
from projects.presentation.card import ATTENTION, Card
from projects.presentation.words import coarse
from projects.stacks import folders
from projects.stacks.spec import StackError
from projects.views.listing import grid_context
from tasks.models import Task
from tasks.states import ACTIVE, WAITING, TaskState

RECENT = 8
FOUND = 6
NOT_UP = ("starting", "stopping", "stopped", "failed", "unknown")


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that is true now: `title`, `value` with its `unit`, and a `note` beneath."""

    title: str
    value: str
    unit: str
    note: str
    link: str = ""
    state: str = ""
    icon: str = ""


@require_safe
@require(Role.VIEWER, by_project=True)
def home(request: HttpRequest) -> HttpResponse:
    """The dashboard; where nothing was added yet, what could be."""
    now = timezone.now()
    grid = grid_context(request)
    # Who may see some projects only is not shown the folders of this host.
    if not grid["every"] and current().projects is None:
        return render(request, "projects/empty.html", _empty())
    context = grid | _pulse(grid["every"], now)
    return render(request, "projects/home.html", context)


@require_safe
@require(Role.VIEWER, by_project=True)
def pulse(request: HttpRequest) -> HttpResponse:
    """The numbers and the last facts, as they change. 204 while they are what the asker has."""
    context = _pulse(grid_context(request)["every"], timezone.now())
    if request.GET.get("version") == context["pulse_mark"]:
        return HttpResponse(status=204)
    return render(request, "projects/_stats.html", context | {"with_activity": True})


def _pulse(cards: list[Card], now: datetime) -> dict[str, Any]:
    """The tiles and the last facts, in two queries; `pulse_mark` is a mark of all of it."""
    tiles = _projects_tiles(cards) + _task_tiles(now)
    tiles.append(_ports_tile(cards))
    entries = recent(RECENT, now, [card.id for card in cards])
    mark = zlib.crc32(repr((len(cards), tiles, entries)).encode())
    return {"tiles": tiles, "activity": entries, "pulse_mark": f"{mark:08x}"}


def _projects_tiles(cards: list[Card]) -> list[Tile]:
    count = Counter(card.status for card in cards)
    up = count["running"] + count["degraded"]
    rest = [f"{count[state]} {state}" for state in NOT_UP if count[state]]
    ill = [f"{count[state]} {state}" for state in ATTENTION if count[state]]
    home_url = reverse("home")
    return [
        Tile("Running", str(up), f"of {len(cards)}", ", ".join(rest) or "all of them", f"{home_url}?state=running",
             "running", "s-running"),
        Tile("Need attention", str(sum(count[state] for state in ATTENTION)), "", ", ".join(ill) or "nothing is wrong",
             f"{home_url}?state=attention", "failed" if ill else "", "s-failed" if ill else "s-succeeded"),
    ]


def _ports_tile(cards: list[Card]) -> Tile:
    low, high = settings.HUB_PORT_RANGE
    leased = [port for card in cards if card.is_here for port in card.ports]
    inside = sum(low <= port <= high for port in leased)
    outside = len(leased) - inside
    note = f"of {low}–{high}" + (f", +{outside} outside" if outside else "")
    return Tile("Ports leased", str(inside), "", note)


def _task_tiles(now: datetime) -> list[Tile]:
    """Tasks at work, and how those of the last day ended. Their ids are ordered by time, so the key finds them."""
    today = Q(id__gte=earliest(now - timedelta(days=1)))
    seen = Task.objects.filter(today | Q(state__in=ACTIVE)).order_by().aggregate(
        running=Count("pk", filter=Q(state=TaskState.RUNNING)),
        waiting=Count("pk", filter=Q(state__in=WAITING)),
        oldest=Min("queued_at", filter=Q(state=TaskState.QUEUED)),
        good=Count("pk", filter=today & Q(state=TaskState.SUCCEEDED)),
        bad=Count("pk", filter=today & Q(state=TaskState.FAILED)),
    )
    waits = f"{seen['waiting']} waiting" if seen["waiting"] else "none waits"
    if seen["oldest"] is not None:
        waits += f", the oldest {coarse((now - seen['oldest']).total_seconds())}"
    tiles = [Tile("Tasks now", str(seen["running"]), "running", waits, reverse("tasks:list"))]
    ended = seen["good"] + seen["bad"]
    if ended:
        share = f"{100 * seen['good'] / ended:.1f}".removesuffix(".0")
        tiles.append(Tile("Succeeded, 24 h", share, "%", f"{seen['good']} of {ended} ended", reverse("tasks:list")))
    return tiles


def _empty() -> dict[str, Any]:
    """Folders that look like stacks, by the names of their files, and the examples."""
    found: list[folders.Entry] = []
    try:
        found = [entry for entry in folders.browse(settings.HUB_PROJECTS_ROOT).entries if entry.kind]
    except StackError:  # the add page says what is wrong with the root
        found = []
    low, high = settings.HUB_PORT_RANGE
    leased = PortLease.objects.filter(node=settings.HUB_NODE, host_port__range=(low, high)).count()
    return {"found": found[:FOUND], "examples": examples(), "root": settings.HUB_PROJECTS_ROOT,
            "free_ports": high - low + 1 - leased, "first_port": low}
