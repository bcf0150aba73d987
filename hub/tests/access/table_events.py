"""What happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from events.publishing import publish
from hub.tests.access.entries import ONE, OPERATOR, SEEN, VIEWER, Table, api, of_admin, page

TABLE: Table = {
    "events/": {"GET": page(VIEWER, of=SEEN)},
    "events/rows/": {"GET": page(VIEWER, 204, of=SEEN)},  # nothing has come into the stream
    "events/export/": {"GET": page(VIEWER, of=SEEN)},
    "events/<uuid:pk>/": {"GET": page(VIEWER, of=ONE)},
    "api/events": {
        "GET": api(VIEWER, of=SEEN),
        "POST": api(OPERATOR, 201, of=SEEN, scope="publish", subject=f"hub.{settings.HUB_ID}.shop.opened",
                    payload={"door": 1}),
    },
    "api/events/export": {"GET": api(VIEWER, of=SEEN)},
    "api/events/stream": {"GET": api(VIEWER, of=SEEN)},
    "api/events/<event_id>": {"GET": api(VIEWER, of=ONE)},
    **of_admin("events/event", add=403, delete=403),
}

SAME = {
    "events/": "list_events",
    "events/rows/": "list_events",
    "events/export/": "export_events",
    "events/<uuid:pk>/": "show_event",
}


def world(folder: Path) -> dict[str, Any]:
    event = publish(f"hub.{settings.HUB_ID}.shop.closed", {})
    return {"<uuid:pk>": event.pk, "<event_id>": event.pk, "<path:object_id>": event.pk}
