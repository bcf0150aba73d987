"""The pages of what happened."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from events.finding import Wanted, find
from events.keyset import Asked, BadPart, Part
from events.models import Event
from events.moments import BadMoment, period
from events.presentation import pretty, row_of
from events.relay.lag import lag
from events.subjects import BadSubject, Pattern, own

RELATED = 200
FILTERS = ("subject", "actor", "correlation", "about", "since", "until")

# Roles belong to `accounts`, beside this app; each of them holds this permission.
may_read = permission_required("events.view_event", raise_exception=True)


@require_safe
@may_read
def event_list(request: HttpRequest) -> HttpResponse:
    """Events, newest first, 50 a page. `?subject=` a pattern (without `hub.` this Hub's own), `actor`, `correlation`,
    `about`, `since` and `until` (`1h`, `yesterday`, ISO); `limit`, `cursor`, `order` as in the API. A filter that
    cannot be read is said on the page, with 400."""
    wanted = {name: request.GET.get(name, "").strip() for name in FILTERS}
    problem, part, asked = "", Part([], None), Asked()
    try:
        asked = Asked.read(request.GET)
        part = _filtered(wanted, asked)
    except (BadSubject, BadPart, BadMoment) as error:
        problem = str(error)
    here = {**_given(wanted), **asked.given()}
    older = urlencode({**here, "cursor": part.next_cursor}) if part.next_cursor else ""
    context = {
        "rows": [row_of(event) for event in part.items],
        "problem": problem,
        "older": older,
        "newest": urlencode(here) if "cursor" in request.GET else None,
        "asked": asked,
        "filtered": bool(_given(wanted)),
        "lag": lag(),
        **wanted,
    }
    return render(request, "events/list.html", context, status=400 if problem else 200)


@require_safe
@may_read
def event_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One event, and in order all that came of the same request."""
    event = get_object_or_404(Event, pk=pk)
    related = list(Event.objects.filter(correlation_id=event.correlation_id).order_by("id")[: RELATED + 1])
    context = {
        "row": row_of(event),
        "payload": pretty(event.payload),
        "related": [row_of(other) for other in related[:RELATED]],
        "more": len(related) > RELATED,
    }
    return render(request, "events/detail.html", context)


def _filtered(wanted: dict[str, str], asked: Asked) -> Part:
    pattern = None
    if subject := wanted["subject"]:
        pattern = Pattern.read(subject)  # so that a mistake is told in the words that were typed
        if not (pattern.is_everything or subject.startswith("hub.")):
            pattern = Pattern.read(f"{own()}{subject}")
    correlation = None
    if wanted["correlation"]:
        try:
            correlation = uuid.UUID(wanted["correlation"])
        except ValueError:
            raise BadSubject("A request is named by a UUID, such as 1b4e28ba-2fa1-41d2-883f-0016d3cca427.") from None
    first, last = period(wanted["since"], wanted["until"])
    chosen = Wanted(pattern=pattern, since=first, until=last, correlation_id=correlation, actor=wanted["actor"],
                    about=wanted["about"])
    return find(chosen, limit=asked.limit, cursor=asked.cursor, ascending=asked.order == "asc")


def _given(wanted: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if value}
