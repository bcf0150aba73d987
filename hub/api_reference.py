"""What the API's document says of events and tokens: examples, and the refusals of single operations."""

from __future__ import annotations

from events.api_reference import Entry, part

EVENT = {
    "id": "019a2f4e-7c00-7b3a-9d55-2f6f3a1b0c4d", "position": 4711, "subject": "hub.main.shop.opened", "origin": "api",
    "actor": "key:nightly", "correlation_id": "0d1c9e2e-8f3a-4b7a-9d55-2f6f3a1b0c4d", "payload": {"door": 1},
    "timestamp": "2026-11-22T15:00:00.000000Z",
}  # fmt: skip

REFERENCE = {
    "list_events": Entry(part(EVENT), query={"subject": "hub.main.shop.>"}),
    "publish_event": Entry({**EVENT, "position": None}, {"subject": "hub.main.shop.opened", "payload": {"door": 1}}),
    "stream_events": Entry(query={"subject": "hub.main.shop.>"}, errors={503: "Too many streams are open."}),
    "export_events": Entry(query={"format": "csv", "since": "1d"}),
    "show_event": Entry(EVENT),
    "make_token_from_key": Entry(
        {"token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "token_type": "Bearer", "expires_in": 600, "scopes": ["read"]},
        {"scopes": ["read"], "seconds": 600},
        errors={403: "A token makes no token, and gets no scope that the key lacks."},
    ),
}
