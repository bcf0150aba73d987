"""REST: what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils import timezone
from ninja import Field, Query, Router, Schema, Status
from pydantic import ConfigDict

from accounts.api_auth import allow
from accounts.permissions import Role, Scope
from events.api_lists import ListOut, ListQuery
from events.context import current
from events.finding import Wanted, find
from events.models import Event
from events.moments import EXAMPLES, period
from events.publishing import publish
from events.relay.numbering import last_position
from events.shapes import event_dict
from events.streams import event_stream
from events.subjects import Pattern
from events.tail import checked_position, follow
from events.views import FORMATS, MOST_EXPORTED

router = Router(tags=["Events"])
# Seconds: then a reader comes again, and is asked anew who it is.
STREAM_LIFE = 60
FILE = {"responses": {200: {"description": "The file", "content": {
    "text/csv": {"schema": {"type": "string"}}, "application/json": {}}}}}
EVENTS = {"responses": {200: {"description": "Events", "content": {"text/event-stream": {}}}}}
PATTERN = "a subject; `*` stands for one part of it, `>` at the end for the rest"


class EventFilter(Schema):
    subject: str = Field("", description=PATTERN)
    since: str = Field("", max_length=100, description=f"the first moment: {EXAMPLES}")
    until: str = Field("", max_length=100, description="the last moment; a day is meant with its end")
    correlation_id: UUID | None = Field(None, description="of one request and all that came of it")
    actor: str = Field("", max_length=200, description="who did it: the name of a person, or `key:` and that of a key")
    about: str = Field("", max_length=200, description="what it is about, such as projects.project:7")
    by_people: bool = Field(False, description="only what people and keys did: the audit log")


class EventQuery(EventFilter, ListQuery):
    """Which events, and which part of their list."""


class ExportQuery(EventFilter):
    format: Literal["csv", "json"] = "csv"


class EventIn(Schema):
    model_config = ConfigDict(extra="forbid")

    subject: str = Field(description="hub.<hub_id>.<domain>.<action>, in a domain that is not Hub's own")
    payload: dict[str, Any] = Field(description="at most 64 KB")
    correlation_id: UUID | None = Field(None, description="that of this request where it is not given")


class EventOut(Schema):
    id: UUID
    position: int | None = Field(description="in the stream; null for a moment after it was written")
    subject: str
    origin: str
    actor: str
    correlation_id: UUID
    payload: Any
    timestamp: datetime


class EventList(ListOut):
    items: list[EventOut]


@router.get("", response=EventList, url_name="events", summary="List events")
def list_events(request: HttpRequest, query: Query[EventQuery]):
    part = find(_wanted(query), limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
    return {"items": [event_dict(event) for event in part.items], "next_cursor": part.next_cursor}


@router.post("", response={201: EventOut}, auth=allow(Role.OPERATOR, Scope.PUBLISH, by_project=True),
             summary="Publish an event")
def publish_event(request: HttpRequest, body: EventIn):
    return Status(201, event_dict(publish(body.subject, body.payload, body.correlation_id)))


@router.get("/stream", url_name="event-stream", summary="Follow events", openapi_extra=EVENTS)
def stream_events(request: HttpRequest, subject: str = ">", after: str = ""):
    """Server-sent events, or on the same path a WebSocket: each event as JSON, in the order of the stream.

    `id` is the position. Who names it as `Last-Event-ID`, or as `after`, gets all that followed, then what happens;
    `after=0` is everything that is kept; with neither only what is new. A stream ends after a minute: connect again
    with the last position. 400 for a position beyond the end, 503 when too many streams are open.
    """
    pattern, position = Pattern.read(subject or ">"), checked_position(request.headers.get("Last-Event-ID") or after)
    position = last_position() if position is None else position
    # What exists for the reader is asked now: the stream is made when this request is over.
    return event_stream(follow(pattern, position, current().projects), STREAM_LIFE)


@router.get("/export", url_name="event-export", summary="Export events", openapi_extra=FILE)
def export_events(request: HttpRequest, query: Query[ExportQuery]):
    """A file with what the same filters find: 100,000 events at most, the newest first."""
    write, kind = FORMATS[query.format]
    name = f"events-{timezone.now():%Y-%m-%d-%H%M%S}.{query.format}"
    return StreamingHttpResponse(write(_wanted(query), MOST_EXPORTED), content_type=kind, headers={
        "Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"})


@router.get("/{event_id}", response=EventOut, url_name="event", summary="Show an event")
def show_event(request: HttpRequest, event_id: UUID):
    try:
        return event_dict(Event.objects.get(pk=event_id))
    except Event.DoesNotExist:
        raise Http404(f"There is no event {event_id}.") from None


def _wanted(query: EventFilter) -> Wanted:
    first, last = period(query.since, query.until)
    return Wanted(
        pattern=Pattern.read(query.subject) if query.subject else None, since=first, until=last,
        correlation_id=query.correlation_id, actor=query.actor, about=query.about, by_people=query.by_people,
    )
