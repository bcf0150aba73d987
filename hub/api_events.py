"""REST: what happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
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

router = Router(tags=["Events"])
# Seconds: then a reader comes again, and is asked anew who it is.
STREAM_LIFE = 60
EVENTS = {"responses": {200: {"description": "Events", "content": {"text/event-stream": {}}}}}
PATTERN = "a subject; `*` stands for one part of it, `>` at the end for the rest"


class EventQuery(ListQuery):
    subject: str = Field("", description=PATTERN)
    since: str = Field("", max_length=100, description=f"the first moment: {EXAMPLES}")
    until: str = Field("", max_length=100, description="the last moment; a day is meant with its end")
    correlation_id: UUID | None = Field(None, description="of one request and all that came of it")
    actor: str = Field("", max_length=200)


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
    first, last = period(query.since, query.until)
    wanted = Wanted(
        pattern=Pattern.read(query.subject) if query.subject else None, since=first, until=last,
        correlation_id=query.correlation_id, actor=query.actor,
    )
    part = find(wanted, limit=query.limit, cursor=query.cursor, ascending=query.order == "asc")
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


@router.get("/{event_id}", response=EventOut, url_name="event", summary="Show an event")
def show_event(request: HttpRequest, event_id: UUID):
    try:
        return event_dict(Event.objects.get(pk=event_id))
    except Event.DoesNotExist:
        raise Http404(f"There is no event {event_id}.") from None
