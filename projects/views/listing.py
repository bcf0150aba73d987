"""Many projects at once: cards and a table, found and ordered, kept up to date by one poll for all of them."""

from __future__ import annotations

import zlib
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.http import trigger_client_event

from accounts.access import require
from accounts.models import Role
from projects.models import Project
from projects.presentation.card import ATTENTION, Card, cards_of
from projects.views.page import project_or_404, service_host

STATES = {
    "": "Any state",
    "running": "Running",
    "attention": "Needs attention",
    "moving": "Starting or stopping",
    "stopped": "Stopped",
}
SORTS = {"attention": "Attention first", "name": "Name", "changed": "Last change"}
_GROUPS = {"running": ("running", "degraded"), "attention": ATTENTION, "moving": ("starting", "stopping"),
           "stopped": ("stopped",)}
LIMIT, MAX_LIMIT = 100, 200


class Filters:
    """What the filter bar asks for: `q` (name, path or port), `state`, `sort`; and where the page begins."""

    def __init__(self, request: HttpRequest):
        self.q = request.GET.get("q", "").strip()[:200]
        self.state = request.GET.get("state", "") if request.GET.get("state", "") in STATES else ""
        self.sort = request.GET.get("sort", "") if request.GET.get("sort", "") in SORTS else "attention"
        self.limit = _number(request.GET.get("limit"), LIMIT, 1, MAX_LIMIT)
        self.cursor = _number(request.GET.get("cursor"), 0, 0, 1_000_000)

    def query(self, **changes: Any) -> str:
        """The filters as a query string; what is as usual is left out."""
        values = {"q": self.q, "state": self.state, "sort": "" if self.sort == "attention" else self.sort,
                  "limit": "" if self.limit == LIMIT else self.limit, "cursor": self.cursor or ""} | changes
        return urlencode({name: value for name, value in values.items() if value != ""})

    @property
    def narrow(self) -> bool:
        """Whether anything is left out because of them."""
        return bool(self.q or self.state)

    def pick(self, cards: list[Card], changed: dict[int, Any]) -> list[Card]:
        """The cards in the asked state, in the asked order. `changed` is when each project last changed its state."""
        kept = [card for card in cards if self._matches(card)]
        if self.sort == "changed":
            return sorted(kept, key=lambda card: changed[card.id], reverse=True)
        if self.sort == "name":
            return kept
        return sorted(kept, key=lambda card: (not card.wants_attention, card.work is None))

    def _matches(self, card: Card) -> bool:
        if self.state and card.status not in _GROUPS[self.state]:
            return False
        wanted = self.q.casefold()
        return (not wanted or wanted in card.name.casefold() or wanted in card.path.casefold()
                or wanted.removeprefix(":") in map(str, card.ports))


def grid_context(request: HttpRequest) -> dict[str, Any]:
    """The cards that the filters ask for, and those of every project: four queries, however many there are."""
    now = timezone.now()
    filters = Filters(request)
    projects = list(Project.objects.defer("environment"))
    every = cards_of(projects, now)
    matching = filters.pick(every, {project.pk: project.state_since for project in projects})
    shown = matching[filters.cursor : filters.cursor + filters.limit]
    after = filters.cursor + filters.limit
    return {
        "every": every,
        "cards": shown,
        "matching": len(matching),
        "filters": filters,
        "states": STATES,
        "sorts": SORTS,
        "host": service_host(request),
        "next": filters.query(cursor=after) if after < len(matching) else "",
        "observed_at": max((project.observed_at for project in projects if project.observed_at), default=None),
    }


@require_safe
@require(Role.VIEWER)
def projects(request: HttpRequest) -> HttpResponse:
    """Every project in a table; the same filters as the dashboard."""
    context = grid_context(request)
    context["mark"] = _mark(context["cards"])
    if request.htmx and request.htmx.target == "projects":
        if request.GET.get("version") == context["mark"]:
            return HttpResponse(status=204)
        return render(request, "projects/_table.html", context | {"with_counts": True})
    return render(request, "projects/list.html", context)


@require_safe
@require(Role.VIEWER)
def cards(request: HttpRequest) -> HttpResponse:
    """What changed on the dashboard's grid. The asker names the cards it has as `v=<id>.<version>`, in their order
    (and always one empty `v`): with the same cards in the same order only those that changed are sent, or 204; else
    the whole grid. When more than numbers and ages changed, the other parts of the page are told."""
    context = grid_context(request)
    had = dict(_seen(mark) for mark in request.GET.getlist("v") if mark)
    if "v" not in request.GET or list(had) != [card.id for card in context["cards"]]:
        response = render(request, "projects/_cards.html", context)
        response["HX-Reswap"] = "outerHTML"
        return announced(response)
    changed = [card for card in context["cards"] if had[card.id] != card.version]
    if not changed:
        return HttpResponse(status=204)
    response = render(request, "projects/_changed.html", context | {"cards": changed})
    frames = {card.id: card.version.partition("-")[0] for card in changed}
    return announced(response) if any(frame != had[id].partition("-")[0] for id, frame in frames.items()) else response


def announced(response: HttpResponse) -> HttpResponse:
    """Tell the page that projects changed, so that what counts and recounts them asks now."""
    return trigger_client_event(response, "projects-changed", {})


@require_safe
@require(Role.VIEWER)
def card(request: HttpRequest, pk: int) -> HttpResponse:
    """One card."""
    card = cards_of([project_or_404(pk)])[0]
    context = {"card": card, "version": card.version, "host": service_host(request)}
    return render(request, "projects/_card.html", context)


def _seen(mark: str) -> tuple[int, str]:
    number, _, version = mark.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise Http404(f"{reverse('projects:cards')} is asked for by the dashboard only.")
    return int(number), version


def _mark(cards: list[Card]) -> str:
    return f"{zlib.crc32(repr([(card.id, card.version) for card in cards]).encode()):08x}"


def _number(text: str | None, otherwise: int, low: int, high: int) -> int:
    if not text or not (text.isascii() and text.isdigit()) or len(text) > 9:
        return otherwise
    return min(max(int(text), low), high)
