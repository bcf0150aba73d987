"""Many projects at once: cards and a table, found and ordered, kept up to date by one poll for all of them."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import datetime
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
from events.keyset import DEFAULT_LIMIT, Asked, BadCursor, BadPart, Part, take_sorted
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
# Cards on the dashboard; the table has as many rows as any list.
CARDS = 100
# In which direction each order goes by itself.
DESCENDING = {"changed"}


class Filters:
    """What the filter bar asks for: `q` (name, path or port), `state`, `sort`; and which part of it all (`asked`).
    What cannot be understood is left out, and `problem` says it."""

    def __init__(self, request: HttpRequest, limit: int):
        self.q = request.GET.get("q", "").strip()[:200]
        state, sort = request.GET.get("state", ""), request.GET.get("sort", "") or "attention"
        self.state, self.sort = state if state in STATES else "", sort if sort in SORTS else "attention"
        self.usual = limit
        self.asked, self.problem = Asked(limit), ""
        if state not in STATES:
            self.problem = f"There is no state {state[:40]!r}. Use {', '.join(name for name in STATES if name)}."
        elif sort not in SORTS:
            self.problem = f"Projects cannot be sorted by {sort[:40]!r}. Use {', '.join(SORTS)}."
        try:
            self.asked = Asked.read(request.GET, limit)
        except BadPart as error:
            self.problem = self.problem or str(error)

    def query(self, **changes: Any) -> str:
        """The filters as a query string; what is as usual is left out."""
        values = {"q": self.q, "state": self.state, "sort": "" if self.sort == "attention" else self.sort,
                  **self.asked.given(self.usual), "cursor": self.asked.cursor} | changes
        return urlencode({name: value for name, value in values.items() if value != ""})

    @property
    def narrow(self) -> bool:
        """Whether anything is left out because of them."""
        return bool(self.q or self.state)

    def pick(self, cards: list[Card]) -> list[Card]:
        """The cards that are asked for."""
        return [card for card in cards if self._matches(card)]

    def part(self, cards: list[Card], changed: dict[int, datetime]) -> Part:
        """That part of them, in the asked order. `changed` is when each project last changed its state."""

        def key(card: Card) -> list:
            if self.sort == "changed":
                return [changed[card.id].timestamp(), card.id]
            first = [] if self.sort == "name" else [not card.wants_attention, card.work is None]
            return [*first, card.name.casefold(), card.id]

        descending = self.asked.order == "desc" or (not self.asked.order and self.sort in DESCENDING)
        name = f"projects:{self.sort}:{'desc' if descending else 'asc'}"
        try:
            return take_sorted(cards, key, name=name, asked=self.asked, descending=descending)
        except BadCursor as error:
            self.problem, self.asked = self.problem or str(error), replace(self.asked, cursor="")
            return self.part(cards, changed)

    def _matches(self, card: Card) -> bool:
        if self.state and card.status not in _GROUPS[self.state]:
            return False
        wanted = self.q.casefold()
        return (not wanted or wanted in card.name.casefold() or wanted in card.path.casefold()
                or wanted.removeprefix(":") in map(str, card.ports))


def grid_context(request: HttpRequest, limit: int = CARDS) -> dict[str, Any]:
    """The cards that the filters ask for (`limit` of them where the address does not say), and those of every project:
    four queries, however many there are."""
    now = timezone.now()
    filters = Filters(request, limit)
    projects = list(Project.objects.defer("environment"))
    every = cards_of(projects, now)
    matching = filters.pick(every)
    part = filters.part(matching, {project.pk: project.state_since for project in projects})
    return {
        "every": every,
        "cards": part.items,
        "matching": len(matching),
        "filters": filters,
        "states": STATES,
        "sorts": SORTS,
        "host": service_host(request),
        "next": filters.query(cursor=part.next_cursor) if part.next_cursor else "",
        "observed_at": max((project.observed_at for project in projects if project.observed_at), default=None),
    }


@require_safe
@require(Role.VIEWER, by_project=True)
def projects(request: HttpRequest) -> HttpResponse:
    """Every project in a table; the same filters as the dashboard, `limit`, `cursor` and `order` as in the API."""
    context = grid_context(request, DEFAULT_LIMIT)
    context["mark"] = _mark(context["cards"])
    if request.htmx and request.htmx.target == "projects":
        if request.GET.get("version") == context["mark"]:
            return HttpResponse(status=204)
        return render(request, "projects/_table.html", context | {"with_counts": True})
    return render(request, "projects/list.html", context, status=400 if context["filters"].problem else 200)


@require_safe
@require(Role.VIEWER, by_project=True)
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
@require(Role.VIEWER, by_project=True)
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
