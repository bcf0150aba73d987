"""What belongs to no app: the dashboard, health, metrics, the API's own pages, RQ's dashboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.tests.access.entries import (
    METHODS,
    SEEN,
    VIEWER,
    Table,
    everybody,
    for_staff,
    page,
    readable,
    site,
    superusers,
)

TABLE: Table = {
    "": {"GET": page(VIEWER, of=SEEN)},
    "pulse/": {"GET": page(VIEWER, of=SEEN)},
    "favicon.ico": {method: everybody(302) for method in METHODS},
    "health": {"GET": everybody()},
    "health/nats": {"GET": everybody()},
    "health/ready": {"GET": everybody()},
    "metrics": {"GET": readable(VIEWER)},
    "api/": {method: everybody(404) for method in METHODS},
    "api/docs": {"GET": everybody()},
    "api/openapi.json": {"GET": everybody()},
    "rq/*": {"GET": superusers(), "POST": superusers()},
    "admin/": {"GET": site()},
    "admin/login/": {method: for_staff() for method in METHODS},
    "admin/logout/": {"POST": site(302)},
    "admin/password_change/": {"GET": site()},
    "admin/password_change/done/": {"GET": site()},
    "admin/autocomplete/": {"GET": site(403)},  # of no field
    "admin/jsi18n/": {"GET": site()},
    "admin/r/<path:content_type_id>/<path:object_id>/": {"GET": site(404)},
    "admin/^(?P<app_label>*": {"GET": site()},
    "admin/(?P<url>.*)$": {"GET": site(404)},
}

# By the address of a page, the operation of the API that does the same; in brackets, why there is none.
SAME = {
    "": "list_projects",
    "pulse/": "show_stats",
    "favicon.ico": "(a picture)",
    "health": "(is the same for scripts)",
    "health/nats": "(is the same for scripts)",
    "health/ready": "(is the same for scripts)",
    "metrics": "(is the same for scripts)",
}


def world(folder: Path) -> dict[str, Any]:
    return {"app_label": "tasks", "url": "nothing"}
