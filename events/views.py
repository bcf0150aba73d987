"""The pages of what happened."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from events.exporting import as_csv, as_json
from events.finding import Wanted, find, newer
from events.keyset import Asked, BadPart, Part
from events.models import Event
from events.moments import BadMoment, period
from events.presentation import changes_of, pretty, row_of
from events.relay.lag import lag
from events.subjects import BadSubject, Pattern, own
from events.tail import BeyondTheEnd, checked_position

RELATED = 200
FILTERS = ("subject", "actor", "correlation", "about", "since", "until", "by")
PROBLEMS = (BadSubject, BadPart, BadMoment)
MOST_EXPORTED = 100_000
FORMATS = {"csv": (as_csv, "text/csv; charset=utf-8"), "json": (as_json, "application/json")}

# Roles belong to `accounts`, beside this app; each of them holds this permission.
may_read = permission_required("events.view_event", raise_exception=True)


@require_safe
@may_read
def event_list(request: HttpRequest) -> HttpResponse:
    """Events, newest first, 50 a page. `?subject=` a pattern (without `hub.` this Hub's own), `actor`, `correlation`,
    `about`, `since` and `until` (`1h`, `yesterday`, ISO), `by=people` (the audit log); `limit`, `cursor`, `order` as
    in the API. A filter that cannot be read is said on the page, with 400."""
    wanted = _asked_for(request)
    problem, part, asked, chosen = "", Part([], None), Asked(), Wanted()
    # Looked at first: what comes meanwhile is found twice, and shown once.
    standing = lag()
    try:
        chosen = _wanted(wanted)
        asked = Asked.read(request.GET)
        part = find(chosen, limit=asked.limit, cursor=asked.cursor, ascending=asked.order == "asc")
    except PROBLEMS as error:
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
        "lag": standing,
        "same": urlencode(_given(wanted)),
        "pattern": chosen.pattern.text if chosen.pattern else ">",
        "position": standing.position,
        # The newest, and no end: what happens now belongs here.
        "is_live": not (problem or wanted["until"] or "cursor" in request.GET or asked.order == "asc"),
        **wanted,
    }
    return render(request, "events/list.html", context, status=400 if problem else 200)


@never_cache
@require_safe
@may_read
def new_rows(request: HttpRequest) -> HttpResponse:
    """What has come into the stream since `?after=` (a position) and meets the same filters, as rows for the top of the
    list; 204 when nothing has. `Hub-Position`: what to ask for next."""
    try:
        after = checked_position(request.GET.get("after", ""))
        found, last = newer(_wanted(_asked_for(request)), after or 0)
    except (*PROBLEMS, BeyondTheEnd) as error:
        return HttpResponseBadRequest(f"{error}\n", content_type="text/plain; charset=utf-8")
    if found:
        response = render(request, "events/_rows.html", {"rows": [row_of(event) for event in found]})
    else:
        response = HttpResponse(status=204)
    response["Hub-Position"] = str(last)
    return response


@require_safe
@may_read
def event_export(request: HttpRequest) -> HttpResponse:
    """What the same filters find, as a file: `?format=` csv or json; 100,000 events at most, newest first."""
    try:
        wanted = _wanted(_asked_for(request))
    except PROBLEMS as error:
        return HttpResponseBadRequest(f"{error}\n", content_type="text/plain; charset=utf-8")
    write, kind = FORMATS.get(request.GET.get("format", "csv"), (None, ""))
    if write is None:
        return HttpResponseBadRequest(f"The format is {' or '.join(FORMATS)}.\n",
                                      content_type="text/plain; charset=utf-8")
    name = f"events-{timezone.now():%Y-%m-%d-%H%M%S}.{request.GET.get('format', 'csv')}"
    return StreamingHttpResponse(write(wanted, MOST_EXPORTED), content_type=kind, headers={
        "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"})


@require_safe
@may_read
def event_detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One event, and in order all that came of the same request."""
    event = get_object_or_404(Event, pk=pk)
    related = list(Event.objects.filter(correlation_id=event.correlation_id).order_by("id")[: RELATED + 1])
    context = {
        "row": row_of(event),
        "payload": pretty(event.payload),
        "changes": changes_of(event.payload),
        "related": [row_of(other) for other in related[:RELATED]],
        "more": len(related) > RELATED,
    }
    return render(request, "events/detail.html", context)


def _asked_for(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET.get(name, "").strip() for name in FILTERS}


def _wanted(asked: dict[str, str]) -> Wanted:
    pattern = None
    if subject := asked["subject"]:
        pattern = Pattern.read(subject)  # so that a mistake is told in the words that were typed
        if not (pattern.is_everything or subject.startswith("hub.")):
            pattern = Pattern.read(f"{own()}{subject}")
    correlation = None
    if asked["correlation"]:
        try:
            correlation = uuid.UUID(asked["correlation"])
        except ValueError:
            raise BadSubject("A request is named by a UUID, such as 1b4e28ba-2fa1-41d2-883f-0016d3cca427.") from None
    first, last = period(asked["since"], asked["until"])
    return Wanted(pattern=pattern, since=first, until=last, correlation_id=correlation, actor=asked["actor"],
                  about=asked["about"], by_people=asked["by"] == "people")


def _given(wanted: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if value}
